"""No module imports, over others, itself: what stands in a circle can only be read, tested and changed as a whole."""

import grimp
import networkx
import pytest

PACKAGES = ("devices", "mapping", "crossbar", "calibration")


def circles(imports):
    """Groups of modules each of which imports, over others, every other."""
    return [sorted(group) for group in networkx.strongly_connected_components(imports) if len(group) > 1]


def test_no_import_circles_not_even_for_type_checking():
    graph = grimp.build_graph(*PACKAGES, cache_dir=None)
    imports = networkx.DiGraph()
    for module in graph.modules:
        imports.add_edges_from((module, found) for found in graph.find_modules_directly_imported_by(module))
    assert imports.number_of_nodes() > 200
    assert circles(imports) == []


@pytest.mark.parametrize(("last", "found"), [("a", [["a", "b", "c"]]), ("d", [])])
def test_a_circle_would_be_seen(last, found):
    assert circles(networkx.DiGraph([("a", "b"), ("b", "c"), ("c", last)])) == found
