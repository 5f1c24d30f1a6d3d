"""What the API keeps for applications: responses, conversations, chat completions.

Bodies and items are JSON in the shape they were told in; what they mean is the dialect's matter.
"""
