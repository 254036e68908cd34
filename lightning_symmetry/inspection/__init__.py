"""Build the model that a command line names, on inputs that it describes.

>>> from lightning_symmetry.inspection import InputSpec, load_model
>>> load_model("torch.nn:ReLU")
ReLU()
>>> InputSpec.parse("2x3").tensor().shape
torch.Size([2, 3])
"""

from lightning_symmetry.inspection.error import InspectionError
from lightning_symmetry.inspection.inputs import InputSpec
from lightning_symmetry.inspection.target import load_model

__all__ = ["InputSpec", "InspectionError", "load_model"]
