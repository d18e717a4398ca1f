package org.tp4j.device.cuda.mutation;

import java.util.List;
import java.util.stream.Collectors;

/**
 * One ordering call of a scenario, the same in every run of it.
 *
 * @param call the driver's name for it
 * @param thread who makes it
 * @param lines the lines through which the thread came there, {@code Class:line}, from the driver's caller outwards
 * @param number how many such calls the thread made before, plus 1
 */
record Occurrence(String call, String thread, List<String> lines, String site, int number) {
    private static final String PACKAGES = "org\\.tp4j\\.(\\w+\\.)*";

    static Occurrence of(String call, String thread, List<StackWalker.StackFrame> chain, int number) {
        List<String> lines = chain.stream()
                .map(frame -> frame.getClassName() + ":" + frame.getLineNumber())
                .toList();
        StackWalker.StackFrame last = chain.get(chain.size() - 1);
        String site = last.getClassName().replaceFirst(PACKAGES, "") + "." + OrderingSites.method(last) + ":"
                + last.getLineNumber();
        return new Occurrence(call, thread, lines, site, number);
    }

    @Override
    public String toString() {
        return call + " #" + number + " of " + thread + " through "
                + lines.stream().map(line -> line.replaceFirst(PACKAGES, "")).collect(Collectors.joining(" < "));
    }
}
