"""A live call: its turns, its handoff, and the tool of a language-model agent."""
