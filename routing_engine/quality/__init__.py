"""How good the answers are: labelled calls, metrics, evaluation, fitting, lint."""
