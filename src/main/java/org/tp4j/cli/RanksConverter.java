package org.tp4j.cli;

import org.tp4j.comm.World;
import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.TypeConversionException;

/** Reads a number of ranks. */
final class RanksConverter implements ITypeConverter<Integer> {
    @Override
    public Integer convert(String value) {
        int ranks = parse(value);
        if (ranks < 1 || ranks > World.MAX_RANKS) {
            throw refusal(value);
        }
        return ranks;
    }

    private static int parse(String value) {
        try {
            return Integer.parseInt(value.strip());
        } catch (NumberFormatException e) {
            throw refusal(value);
        }
    }

    private static TypeConversionException refusal(String value) {
        return new TypeConversionException("'" + value + "' is not a number of ranks: each rank is a thread, so use a"
                + " whole number from 1 to " + World.MAX_RANKS);
    }
}
