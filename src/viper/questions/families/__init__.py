"""The open question of the family: does a model that has nothing of Qwen's gain as well?"""
