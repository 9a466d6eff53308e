"""Does the loop go on? Generations that each train on what their parent synthesised, against controls."""
