"""A session's recording: every input of the engine in the order it was taken, and what came of it. docs/recording.md"""
