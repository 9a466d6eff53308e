"""Do the differences between a picture and its reconstruction match the words? A page for people, and their agreement."""
