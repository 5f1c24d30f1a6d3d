"""Tools that models use in the chat; ``base`` says what a tool is, ``opening`` lists them all."""
