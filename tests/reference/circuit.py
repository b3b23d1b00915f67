"""The nodal circuit of one array, solved by sparse LU.

Source `V_i` - (driver + row) - w(i,0) - row - w(i,1) ... open; cell `G_ij` from w(i,j) to b(i,j); b(0,j) open - column -
b(1,j) ... b(M-1,j) - (column + sense) - ground. A resistance of 0 makes one node of two.
"""

import numpy as np
import scipy.sparse
import scipy.sparse.linalg


def transfer(conductance, wires):
    """Return the current into ground per volt at each source [S], (rows, cols), for conductances [S] of that shape."""
    rows, cols = conductance.shape
    ground, sources = 0, 1 + np.arange(rows)
    word = 1 + rows + np.arange(rows * cols).reshape(rows, cols)
    bit = word + rows * cols
    resistors = []
    for i in range(rows):
        resistors.append((sources[i], word[i, 0], wires.driver + wires.row))
        resistors += [(word[i, j], word[i, j + 1], wires.row) for j in range(cols - 1)]
    for j in range(cols):
        resistors += [(bit[i, j], bit[i + 1, j], wires.column) for i in range(rows - 1)]
        resistors.append((bit[-1, j], ground, wires.column + wires.sense))
    node = _joined(1 + rows + 2 * rows * cols, [(a, b) for a, b, resistance in resistors if resistance == 0])
    branches = [(node[a], node[b], 1 / resistance) for a, b, resistance in resistors if resistance > 0]
    branches += [(node[word[i, j]], node[bit[i, j]], conductance[i, j]) for i, j in np.ndindex(rows, cols)]
    voltages = _voltages(node.max() + 1, branches, fixed=node[[ground, *sources]], ground=node[ground])
    drop = voltages[node[word]] - voltages[node[bit]]  # (rows, cols, sources)
    return np.einsum("ij,ijs->sj", conductance, drop)


def _joined(count, pairs):
    """Number nodes so that the members of each pair have the same number."""
    number = np.arange(count)

    def root(node):
        while number[node] != node:
            node = number[node]
        return node

    for a, b in pairs:
        number[root(max(a, b))] = root(min(a, b))
    return np.unique([root(node) for node in range(count)], return_inverse=True)[1]


def _voltages(count, branches, *, fixed, ground):
    """Return the voltage of every node, (nodes, sources), for one volt at one source at a time and 0 V at the others."""
    first, second, value = (np.array(part) for part in zip(*branches, strict=True))
    laplacian = scipy.sparse.coo_matrix(
        (
            np.concatenate([value, value, -value, -value]),
            (np.concatenate([first, second, first, second]), np.concatenate([first, second, second, first])),
        ),
        shape=(count, count),
    ).tocsc()
    sources = [node for node in fixed if node != ground]
    voltages = np.zeros((count, len(sources)))
    voltages[sources, np.arange(len(sources))] = 1
    # A node that no branch holds carries no current, whatever its voltage.
    free = np.setdiff1d(np.flatnonzero(laplacian.diagonal() > 0), fixed)
    if len(free):
        right = -laplacian[free][:, sources].toarray()
        voltages[free] = scipy.sparse.linalg.splu(laplacian[free][:, free].tocsc()).solve(right)
    return voltages
