"""Do the differences between a picture and its reconstruction match the words? A page to judge on, and agreement."""
