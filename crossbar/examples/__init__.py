"""Networks and data sets of the demo and the benchmarks."""

from crossbar.examples.cifar10 import load_cifar10 as load_cifar10
from crossbar.examples.digits import digits_network as digits_network
from crossbar.examples.digits import load_digits as load_digits
from crossbar.examples.digits import train_digits as train_digits
from crossbar.examples.evaluation import Split as Split
from crossbar.examples.evaluation import accuracy as accuracy
from crossbar.examples.resnet20 import ResNet20 as ResNet20
from crossbar.examples.resnet20 import load_resnet20 as load_resnet20
from crossbar.examples.separable import separable_network as separable_network
from crossbar.examples.separable import train_separable as train_separable
from crossbar.examples.transformers import CharacterGPT as CharacterGPT
from crossbar.examples.transformers import SmallViT as SmallViT
from crossbar.examples.transformers import TransformerBlock as TransformerBlock
from crossbar.examples.transformers import draw_images as draw_images
from crossbar.examples.transformers import draw_text as draw_text
from crossbar.examples.transformers import train_transformer as train_transformer
from crossbar.examples.vgg16 import load_vgg16 as load_vgg16
from crossbar.examples.vgg16 import vgg16 as vgg16
