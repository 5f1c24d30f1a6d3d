"""The process that one loaded model lives in: it reads requests from a socket and answers there.

``protocol`` what is said over the socket · ``channel`` the worker's end of it · ``main`` the
entry · ``loading`` from a folder to a warm pipeline · ``text`` the continuous-batching loop ·
``generation`` one answer, from tokens to events · ``sampling`` and ``stops`` its parts.
"""
