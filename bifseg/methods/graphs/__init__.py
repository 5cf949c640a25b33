"""The label update by min-cut, geodesic distances, and the neighbourhoods of both."""
