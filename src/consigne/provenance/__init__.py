"""Marks what was generated, and tells of any picture whether it was made here.

``pictures`` reading what strangers send · ``watermark`` the mark in the pixels · ``credentials``
the operator's certificate · ``signing`` C2PA content credentials · ``verifying`` what a file says.
"""
