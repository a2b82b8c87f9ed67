"""From confidences to a decision."""
