"""`Conv1D` of Hugging Face transformers (GPT-2): a linear layer whose weight is stored transposed."""

from typing import cast, final

from torch import Tensor, nn

from crossbar.layers.base import AbstractAnalogLayer


@final
class AnalogTransposedLinear(AbstractAnalogLayer):
    """`transformers.pytorch_utils.Conv1D` on crossbars: its weight (inputs, outputs) lies in the arrays as it is."""

    digital_class = nn.Module
    vector_dimensions = 1
    names = ("transformers.pytorch_utils.Conv1D", "transformers.modeling_utils.Conv1D")
    """Full names of the layer in the versions of the library."""

    def hold(self, module: nn.Module) -> None:
        """Take over the parameters of a `Conv1D`."""
        weight = module.weight
        if not isinstance(weight, nn.Parameter) or weight.ndim != 2:
            raise TypeError(f"`module` must have a weight (inputs, outputs). Got {type(module).__name__}.")
        self.weight, self.bias = weight, cast(nn.Parameter | None, module.bias)
        self.nx, self.nf = weight.shape

    def weight_matrix(self) -> Tensor:
        """Return the ideal weights, (inputs, outputs)."""
        return self.weight

    def shape_weight(self, matrix: Tensor) -> Tensor:
        """Give a matrix (outputs, inputs) the layout of the weight."""
        return matrix.t()

    def linear_map(self, x: Tensor, weight: Tensor) -> Tensor:
        """Multiply (..., inputs) with (inputs, outputs)."""
        return x @ weight

    def input_vectors(self, codes: Tensor) -> Tensor:
        """Flatten the batch dimensions, (vectors, inputs)."""
        return codes.reshape(-1, self.nx)

    def assemble(self, outputs: Tensor, x: Tensor) -> Tensor:
        """Restore the batch dimensions, (..., outputs)."""
        return outputs.reshape(*x.shape[:-1], self.nf)

    def bias_view(self) -> Tensor | None:
        """Return the bias, (outputs,)."""
        return self.bias

    def check_input(self, x: Tensor) -> None:
        """Raise unless `x` is (..., inputs)."""
        if x.shape[-1] != self.nx:
            raise ValueError(f"`x` must have {self.nx} features (last dimension). Got shape {tuple(x.shape)}.")

    def extra_repr(self) -> str:
        """Describe the layer in a model's printout."""
        return f"nx={self.nx}, nf={self.nf}"
