package org.tp4j.cli;

import org.tp4j.bench.GemmShape;
import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.TypeConversionException;

/** Reads the sizes of a product, e.g. {@code 16,4096,14336}. */
final class ShapeConverter implements ITypeConverter<GemmShape> {
    @Override
    public GemmShape convert(String value) {
        try {
            String[] sizes = value.split(",", 3);
            if (sizes.length == 3) {
                return new GemmShape(size(sizes[0]), size(sizes[1]), size(sizes[2]));
            }
        } catch (NumberFormatException e) {
            throw refusal(value);
        }
        throw refusal(value);
    }

    private static int size(String text) {
        int size = Integer.parseInt(text.strip());
        if (size < 1) {
            throw new NumberFormatException(text);
        }
        return size;
    }

    private static TypeConversionException refusal(String value) {
        return new TypeConversionException("'" + value
                + "' is not a product's sizes: write tokens, in and out, each at least 1, e.g. 16,4096,14336");
    }
}
