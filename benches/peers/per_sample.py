"""The gradient of every image in PyTorch, projected layer by layer to 100 columns by Gaussian matrices.

A matrix has as many rows as the layer has weights and biases. Ways "... drawn" draw the matrices in the call, as ours
does; the others hold them from before. `TRAK` is the BasicProjector of that package, one for each layer, which holds
its matrix as well.
"""
import torch
from torch.func import functional_call, grad, vmap
from torch.nn.functional import cross_entropy, unfold

from exported import check, images
from networks import network

DIMS = 100


def work(name, _task, batch, folder, way, threads):
    torch.set_num_threads(threads)
    torch.set_flush_denormal(True)
    model, x = network(name, folder), torch.from_numpy(images(name, batch))
    y = torch.arange(batch) % 2
    layers = [module for module in model.modules() if isinstance(module, torch.nn.Conv2d)]
    with torch.no_grad():
        check(folder, name, model(x[:1]).numpy())
    gradients, chunk = (by_hooks, 64) if way.startswith("hooks") else (by_vmap, 16)
    project = trak if way == "TRAK" else multiply
    matrices = projectors if way == "TRAK" else draw
    held = None if way.endswith("drawn") else matrices(layers)

    def run():
        random = held or matrices(layers)
        parts = [project(gradients(model, layers, x[i : i + chunk], y[i : i + chunk]), random) for i in range(0, batch, chunk)]
        return torch.cat(parts)

    return run


def by_vmap(model, layers, x, y):
    """Weight and bias gradients of each layer, (images, ...), by vmap."""
    parameters = {name: p.detach() for name, p in model.named_parameters()}

    def loss(parameters, x, y):
        return cross_entropy(functional_call(model, parameters, (x[None],)), y[None])

    each = vmap(grad(loss), in_dims=(None, 0, 0))(parameters, x, y)
    names = {p: name for name, p in model.named_parameters()}
    return [(each[names[layer.weight]].flatten(1), each[names[layer.bias]]) for layer in layers]


def by_hooks(model, layers, x, y):
    """The same from each layer's input and the gradient of its output: unfolded and multiplied image by image."""
    inputs, outputs = [], []

    def keep(_, given, output):
        inputs.append(given[0].detach())
        outputs.append(output)

    hooks = [layer.register_forward_hook(keep) for layer in layers]
    backward = torch.autograd.grad(cross_entropy(model(x), y, reduction="sum"), outputs)
    for hook in hooks:
        hook.remove()
    found = []
    for layer, given, gradient in zip(layers, inputs, backward):
        columns = unfold(given, layer.kernel_size, padding=layer.padding)
        gradient = gradient.flatten(2)
        found.append((torch.bmm(gradient, columns.transpose(1, 2)).flatten(1), gradient.sum(2)))
    return found


def draw(layers):
    """A matrix for each layer, rows for its weights and then its biases."""
    return [torch.randn(layer.weight.numel() + layer.bias.numel(), DIMS) / DIMS**0.5 for layer in layers]


def multiply(gradients, matrices):
    return torch.cat([w @ m[: w.shape[1]] + b @ m[w.shape[1] :] for (w, b), m in zip(gradients, matrices)], 1)


def projectors(layers):
    from trak.projectors import BasicProjector

    rows = [layer.weight.numel() + layer.bias.numel() for layer in layers]
    return [BasicProjector(count, DIMS, seed, "normal", "cpu") for seed, count in enumerate(rows)]


def trak(gradients, projectors):
    return torch.cat([p.project(torch.cat(pair, 1), 0) for pair, p in zip(gradients, projectors)], 1)
