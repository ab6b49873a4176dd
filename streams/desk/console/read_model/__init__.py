"""What the console knows: the newest state of everything that it read, in an embedded database.

It is made from topics alone. Deleting the file and reading again gives the same rows, whatever the order in
which the topics and their partitions arrive.
"""
