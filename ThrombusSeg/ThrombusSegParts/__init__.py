"""The parts of the ThrombusSeg module. They know MRML (and, where said, Qt); none of them imports torch or numpy.

Importing this package imports nothing else: each part is asked for where it is needed.
"""
