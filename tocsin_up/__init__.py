"""`tocsin up`: a Kafka of its own and the processes of Tocsin on one machine, under one supervisor.

It is in the wheel, but not in the container image, which needs neither a supervisor nor a downloader of jars.
Of `tocsin_demo` it uses the local Kafka only.
"""
