"""Convert exports of loggers to measurement files: ``epoch_milliseconds,value[,value…]``.

Every reader streams: memory does not grow with the file.
"""
