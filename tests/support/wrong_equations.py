"""Faults to plant in place of what is right: each takes it, and returns what is wrong."""


def wrong_momentum(right):
    """Return an optimiser's update whose momentum has the other sign."""

    def update(self, theta, state, dE_dtheta, **settings):
        return right(
            self, theta, state, dE_dtheta, **{**settings, "momentum": -settings["momentum"]}
        )

    return update


def no_derivative(right):
    """Return an activation's ∂a/∂z that is 1."""

    def da_dz(self, z, a):
        return right(self, z, a) * 0 + 1

    return da_dz


def _times(factor, right):
    def equation(*args):
        found = right(*args)
        found *= factor  # in place: training has gradients written into an array of its own
        return found

    return equation


def wrong_sign(right):
    """Return an equation with the other sign."""
    return _times(-1, right)


def doubled(right):
    """Return an equation times 2."""
    return _times(2, right)
