"""Reading files: what text, or which picture, is in them. The work is done in a child process."""

from consigne.documents.reading.reader import Reader, UnreadableFile
from consigne.documents.reading.values import Part, Reading

__all__ = ["Part", "Reader", "Reading", "UnreadableFile"]
