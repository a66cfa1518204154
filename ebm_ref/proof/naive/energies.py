r"""Naive energies: one configuration in, one number out.

    E(W, Y, X)    of one W, one Y and one X

Source: the papers that the pages cite.
"""

from ebm_ref.proof.naive.words import difference, dot, exp, larger, log, lowest, sigmoid, tanh


def softmax(weights, features, label):
    return -log(exp(dot(weights[label], features)) / sum(exp(dot(w, features)) for w in weights))


def linear_regression(weights, features, target):
    predictions = [dot(column, features) for column in zip(*weights, strict=True)]
    return sum((p - y) ** 2 for p, y in zip(predictions, target, strict=True)) / 2


def logistic(weights, bias, features, answer):
    t = dot(weights, features) + bias
    return -log(sigmoid(t)) if answer == 1 else -log(sigmoid(-t))


def layer(weights, biases, features):
    return [tanh(dot(w, features) + b) for w, b in zip(weights, biases, strict=True)]


def multi_layer_perceptron(hidden_weights, hidden_biases, output_weights, output_biases, features, label):
    hidden = layer(hidden_weights, hidden_biases, features)
    return dot(output_weights[label], hidden) + output_biases[label]


def convnet(kernels, biases, output_weights, image, label):
    total = 0
    for kernel, bias, rows in zip(kernels, biases, output_weights[label], strict=True):
        spots = [(p, q) for p in range(len(kernel)) for q in range(len(kernel[0]))]
        answer_at = lambda i, j, K=kernel, P=spots: sum(K[p][q] * image[i + p][j + q] for p, q in P)
        for r, row in enumerate(rows):
            for s, weight in enumerate(row):
                block = [answer_at(2 * r + i, 2 * s + j) for i in (0, 1) for j in (0, 1)]
                total += weight * tanh(block[lowest([-z for z in block])] + bias)
    return total


def implicit_regression(weights, hidden_weights, hidden_biases, output_weights, features, target):
    hidden = layer(hidden_weights, hidden_biases, target)
    gaps = [dot(a, features) - dot(v, hidden) for a, v in zip(weights, output_weights, strict=True)]
    return sum(r**2 for r in gaps) / 2


def siamese(weights, biases, first, second, same, margin):
    gaps = difference(layer(weights, biases, first), layer(weights, biases, second))
    square = sum(d**2 for d in gaps)
    return square if same == 1 else larger(0, margin - square)


NAIVE = {
    "linear_regression": linear_regression,
    "two_class": lambda weights, bias, features, answer: -answer * (dot(weights, features) + bias),
    "logistic": logistic,
    "multi_layer_perceptron": multi_layer_perceptron,
    "convnet": convnet,
    "implicit_regression": implicit_regression,
    "siamese": siamese,
    "joint_energy": lambda weights, features, label: -dot(weights[label], features),
    "marginal_energy": lambda weights, features: -log(sum(exp(dot(w, features)) for w in weights)),
    "softmax": softmax,
    "rbf_output": lambda centers, features, label: sum(
        (x - u) ** 2 for x, u in zip(features, centers[label], strict=True)
    ),
}
