"""Words alone: lines, signals, the history of a conversation, paraphrases, languages."""
