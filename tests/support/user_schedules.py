"""Schedules as users write them, each with a change that alters its numbers."""

# A source, a text in it, and the text that changes what `made` does.
CHANGES = {
    "function called": (
        """
        import math
        made = lambda step: math.sqrt(step)
        """,
        "sqrt",
        "exp",
    ),
    "function called by name": (
        """
        from math import sqrt, exp
        made = lambda step: sqrt(step)
        """,
        ": sqrt",
        ": exp",
    ),
    "number": (
        """
        made = lambda step: 0.1 * step
        """,
        "0.1",
        "0.2",
    ),
    "kind of number": (
        """
        made = lambda step: step == 1
        """,
        "1",
        "'1'",
    ),
    "global": (
        """
        rate = 0.1
        made = lambda step: rate
        """,
        "0.1",
        "0.2",
    ),
    "global of an inner function": (
        """
        rate = 0.1
        made = lambda s: (lambda: rate)()
        """,
        "0.1",
        "0.2",
    ),
    "array in a global": (
        """
        import numpy as np
        rates = np.array([1, 2])
        made = lambda step: rates[step]
        """,
        "2]",
        "3]",
    ),
    "class of arrays in a global": (
        """
        import numpy as np
        kinds = np.ndarray, np.float32
        made = lambda step: kinds
        """,
        "float32",
        "float64",
    ),
    "object with a class of numbers": (
        """
        import numpy as np
        class Rate:
            kind = np.float64
        made = Rate()
        made.also = np.float32
        """,
        "float64",
        "float16",
    ),
    "attribute of a module": (
        """
        settings.rate = 0.1
        made = lambda s: settings.rate
        """,
        "0.1",
        "0.2",
    ),
    "function that it calls": (
        """
        def helper(step):
            return 0.1
        def made(step):
            return helper(step)
        """,
        "0.1",
        "0.2",
    ),
    "functions that call each other": (
        """
        def helper(step):
            return made(step - 1) if step else 0.1
        def made(step):
            return helper(step)
        """,
        "0.1",
        "0.2",
    ),
    "object in a global": (
        """
        class Rate:
            pass
        rate = Rate()
        rate.x = 0.1
        made = lambda step: rate.x
        """,
        "0.1",
        "0.2",
    ),
    "default": (
        """
        def made(step, rate=0.1):
            return rate
        """,
        "0.1",
        "0.2",
    ),
    "keyword default": (
        """
        def made(step, *, rate=0.1):
            return rate
        """,
        "0.1",
        "0.2",
    ),
    "closure": (
        """
        def outer(rate):
            return lambda step: rate
        made = outer(0.1)
        """,
        "0.1",
        "0.2",
    ),
    "inner code": (
        """
        made = lambda step: [x + 1 for x in [step]]
        """,
        "x + 1",
        "x - 1",
    ),
    "inner function": (
        """
        def made(s):
            def f():
                return s + 1
            return f()
        """,
        "+",
        "-",
    ),
    "set in the code": (
        """
        made = lambda step: step in {1, 2}
        """,
        "2}",
        "3}",
    ),
    "attribute": (
        """
        class Own:
            def __init__(self):
                self.rate = 0.1
            def __call__(self, step):
                return self.rate
        made = Own()
        """,
        "0.1",
        "0.2",
    ),
    "slot": (
        """
        class Own:
            __slots__ = ('rate',)
        made = Own()
        made.rate = 0.1
        """,
        "0.1",
        "0.2",
    ),
    "inherited slot": (
        """
        class Base:
            __slots__ = ('rate',)
        class Own(Base):
            __slots__ = ()
        made = Own()
        made.rate = 0.1
        """,
        "0.1",
        "0.2",
    ),
    "method": (
        """
        class Own:
            def __call__(self, s):
                return s + 1
        made = Own()
        """,
        "+",
        "-",
    ),
    "inherited method": (
        """
        class Base:
            def __call__(self, s):
                return s + 1
        class Own(Base):
            pass
        made = Own()
        """,
        "+",
        "-",
    ),
    "static method": (
        """
        class Own:
            @staticmethod
            def f(s):
                return s + 1
        made = Own()
        """,
        "+",
        "-",
    ),
    "property": (
        """
        class Own:
            @property
            def f(self):
                return 1 + 2
        made = Own()
        """,
        "2",
        "3",
    ),
    "cached property": (
        """
        from functools import cached_property
        class Own:
            @cached_property
            def f(self):
                return 1
        made = Own()
        """,
        "return 1",
        "return 2",
    ),
    "class attribute": (
        """
        class Own:
            rate = 0.1
        made = Own()
        """,
        "0.1",
        "0.2",
    ),
    "dataclass": (
        """
        from dataclasses import dataclass
        @dataclass(frozen=True)
        class Own:
            rate: float = 0.5
            def __call__(self, s):
                return s * 0.1
        made = Own()
        """,
        "0.1",
        "0.2",
    ),
    "bound method": (
        """
        class Own:
            def f(self, step):
                return self.rate
        own = Own()
        own.rate = 0.1
        made = own.f
        """,
        "0.1",
        "0.2",
    ),
    "method of a built-in object": (
        """
        made = [0.1, 0.3].__getitem__
        """,
        "0.1",
        "0.2",
    ),
    "under lru_cache": (
        """
        from functools import lru_cache
        @lru_cache
        def made(step):
            return 0.1
        """,
        "0.1",
        "0.2",
    ),
    "under a decorator": (
        """
        from functools import wraps
        def twice(f):
            @wraps(f)
            def g(s):
                return 2 * f(s)
            return g
        @twice
        def made(s):
            return 0.1
        """,
        "0.1",
        "0.2",
    ),
    "decorator": (
        """
        from functools import wraps
        def twice(f):
            @wraps(f)
            def g(s):
                return 2 * f(s)
            return g
        @twice
        def made(s):
            return 0.1
        """,
        "2 *",
        "3 *",
    ),
    "partial": (
        """
        from functools import partial
        made = partial(max, 0.1)
        """,
        "0.1",
        "0.2",
    ),
    "keyword of a partial": (
        """
        from functools import partial
        made = partial(max, default=0.1)
        """,
        "0.1",
        "0.2",
    ),
    "decimal": (
        """
        from decimal import Decimal
        made = Decimal('0.1')
        """,
        "0.1",
        "0.2",
    ),
    "fraction": (
        """
        from fractions import Fraction
        made = Fraction(1, 2)
        """,
        "2",
        "3",
    ),
    "range": (
        """
        made = range(3)
        """,
        "3",
        "4",
    ),
    "deque": (
        """
        from collections import deque
        made = deque([1, 2])
        """,
        "2]",
        "3]",
    ),
    "pattern": (
        """
        import re
        made = re.compile('a')
        """,
        "'a'",
        "'b'",
    ),
    "deep": (
        """
        made = [[[[[[[[[[[[1]]]]]]]]]]]]
        """,
        "1",
        "2",
    ),
    "enumeration": (
        """
        import enum
        class Rate(enum.Enum):
            low = 0.1
            high = 0.2
        made = Rate.low
        """,
        "made = Rate.low",
        "made = Rate.high",
    ),
    "object that holds itself": (
        """
        class Own:
            pass
        made = Own()
        made.me, made.rate = made, 0.1
        """,
        "0.1",
        "0.2",
    ),
    "state": (
        """
        import threading
        class Own:
            lock = threading.Lock()
            def state(self):
                return {'rate': 0.1}
        made = Own()
        """,
        "0.1",
        "0.2",
    ),
    "random numbers": (
        """
        import numpy as np
        made = np.random.default_rng(1)
        """,
        "(1",
        "(2",
    ),
    "bytes": (
        """
        made = b'ab'
        """,
        "ab",
        "ac",
    ),
    "function of an installed package": (
        """
        import numpy as np
        made = lambda step: np.linalg.norm(step)
        """,
        "norm",
        "det",
    ),
}
