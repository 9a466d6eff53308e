"""Does attention go where the answer is?"""
