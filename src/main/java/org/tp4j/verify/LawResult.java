package org.tp4j.verify;

import org.tp4j.tensor.DType;

/**
 * What came of checking one law on one generated layer.
 *
 * @param law which law
 * @param worldSize over how many ranks the layer was split
 * @param dtype of the layer
 * @param shape of the layer: tokens, features in, hidden features if it is an MLP, features out
 * @param passed whether the law held
 * @param detail how closely it held, or how it was broken
 */
public record LawResult(Law law, int worldSize, DType dtype, String shape, boolean passed, String detail) {}
