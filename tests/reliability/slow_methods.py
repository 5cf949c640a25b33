"""Stub methods that take their time, or memory."""

import time

import numpy as np
from odd_methods import Half


class Slow(Half):
    """Takes `seconds` for every result."""

    def __init__(self, seconds=0.1):
        super().__init__()
        self.seconds_each = seconds

    def start(self, image, box):
        time.sleep(self.seconds_each)
        return super().start(image, box)

    def refine(self, scribbles):
        time.sleep(self.seconds_each)
        return super().refine(scribbles)


class Hungry(Half):
    """Needs `megabytes` for as many seconds, from its session number `since` on."""

    def __init__(self, megabytes=1000, seconds=4, since=4):
        super().__init__()
        self.megabytes, self.for_s, self.since = megabytes, seconds, since

    def refine(self, scribbles):
        if self.began >= self.since:
            held = np.ones(self.megabytes * 2**17)
            time.sleep(self.for_s)
            del held
        return super().refine(scribbles)
