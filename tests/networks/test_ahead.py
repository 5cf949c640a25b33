"""Work done ahead keeps its order, is bounded, and passes errors on."""

import threading
import time

import pytest

from bifseg.networks.ahead import ahead


@pytest.mark.parametrize("threads", [0, 1, 3])
def test_results_come_in_the_order_of_the_numbers(threads):
    def slow_if_even(number):
        time.sleep(0.01 if number % 2 == 0 else 0)
        return 10 * number

    assert list(ahead(slow_if_even, range(7), threads)) == [0, 10, 20, 30, 40, 50, 60]
    assert list(ahead(slow_if_even, [], threads)) == []


@pytest.mark.parametrize(("threads", "most"), [(0, 1), (2, 5)])
def test_few_results_are_made_before_they_are_needed(threads, most):
    made = []
    results = ahead(lambda number: made.append(number), range(100), threads)
    next(results)
    time.sleep(0.1)
    assert len(made) == most
    results.close()
    assert len(made) == most


def test_threads_work_while_the_results_are_used():
    second = threading.Event()
    results = ahead(lambda number: second.set() if number == 1 else None, range(3), 1)
    next(results)
    assert second.wait(5)


@pytest.mark.parametrize("threads", [0, 2])
def test_an_error_is_raised_where_its_result_is_needed(threads):
    results = ahead(lambda number: 1 // (2 - number), range(5), threads)
    assert next(results) == 0
    assert next(results) == 1
    with pytest.raises(ZeroDivisionError):
        next(results)
