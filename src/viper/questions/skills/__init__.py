"""Which fine-grained skills rise, which fall?"""
