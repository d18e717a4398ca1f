package org.tp4j;

import static org.junit.jupiter.api.Assertions.assertEquals;

import com.sun.source.util.JavacTask;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.URI;
import java.util.List;
import java.util.stream.Stream;
import javax.tools.Diagnostic;
import javax.tools.DiagnosticCollector;
import javax.tools.JavaFileObject;
import javax.tools.SimpleJavaFileObject;
import javax.tools.ToolProvider;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Placements are types: a program that misplaces an activation does not compile, on the line that does it. */
class WrongProgramsTest {
    private static final String MARK = "// wrong";

    /**
     * A program inside a rank.
     *
     * @param mistake what it does wrong
     * @param body its statements; the line marked {@code // wrong} must not compile
     */
    record Program(String mistake, String body) {
        @Override
        public String toString() {
            return mistake;
        }
    }

    static Stream<Program> wrongPrograms() {
        return Stream.of(
                new Program("returns a partial sum, forgetting the all-reduce", """
                        Partial sum = down.forward(up.forward(x));
                        return sum; // wrong
                        """),
                new Program("forgets the all-reduce by calling a summand the sum", """
                        Partial sum = down.forward(up.forward(x));
                        return new Replicated(sum.member(), sum.matrix()); // wrong
                        """),
                new Program("forgets the all-gather by calling a slice the whole", """
                        FeatureSharded hidden = up.forward(x);
                        return new Replicated(hidden.member(), hidden.blocks().get(0)); // wrong
                        """),
                new Program("calls the sum a summand", """
                        Replicated y = comm.allReduce(down.forward(up.forward(x)));
                        return comm.allReduce(new Partial(y.member(), down.plan(), y.dtype(), y.matrix())); // wrong
                        """),
                new Program("calls the whole a slice of the features", """
                        return comm.allReduce(down.forward(
                                new FeatureSharded(x.member(), down.plan(), x.matrices()))); // wrong
                        """),
                new Program("calls the whole a slice of the tokens", """
                        return comm.allGather(
                                new TokenSharded(x.member(), down.plan(), x.matrix())); // wrong
                        """),
                new Program("feeds a partial sum to the next layer", """
                        Partial sum = down.forward(up.forward(x));
                        up.forward(sum); // wrong
                        return x;
                        """),
                new Program("reduces twice", """
                        Replicated y = comm.allReduce(down.forward(up.forward(x)));
                        return comm.allReduce(y); // wrong
                        """),
                new Program("applies a nonlinearity to a partial sum", """
                        Partial sum = down.forward(up.forward(x));
                        return comm.allReduce(sum.apply(Nonlinearity.RELU)); // wrong
                        """),
                new Program("adds a residual to a partial sum", """
                        Partial sum = down.forward(up.forward(x));
                        return comm.allReduce(sum.plus(x)); // wrong
                        """),
                new Program("gives a row-parallel layer the whole activation", """
                        Partial sum = down.forward(x); // wrong
                        return comm.allReduce(sum);
                        """),
                new Program("gives a column-parallel layer a slice", """
                        FeatureSharded hidden = up.forward(x);
                        FeatureSharded again = up.forward(hidden); // wrong
                        return comm.allGather(again);
                        """),
                new Program("all-reduces slices that should be gathered", """
                        FeatureSharded hidden = up.forward(x);
                        return comm.allReduce(hidden); // wrong
                        """),
                new Program("gathers a partial sum", """
                        Partial sum = down.forward(up.forward(x));
                        return comm.allGather(sum); // wrong
                        """),
                new Program("adds a replicated residual to a reduce-scatter", """
                        Partial sum = down.forward(up.forward(x));
                        TokenSharded y = comm.reduceScatter(sum, x); // wrong
                        return comm.allGather(y);
                        """),
                new Program("uses a partial sum as a residual", """
                        Partial sum = down.forward(up.forward(x));
                        return comm.allReduce(sum, sum); // wrong
                        """),
                new Program("adds the bias to the partial sum that carries it", """
                        Partial sum = down.forward(up.forward(x));
                        return comm.allReduce(sum.plus(b)); // wrong
                        """),
                new Program("adds the bias beside the residual", """
                        Partial sum = down.forward(up.forward(x));
                        return comm.allReduce(sum, x, b); // wrong
                        """),
                new Program("gates features with tokens", """
                        FeatureSharded hidden = up.forward(x);
                        TokenSharded tokens = x.tokens(ShardPlan.even(comm.group(), x.tokens()));
                        return comm.allGather(hidden.gate(Nonlinearity.SILU, tokens)); // wrong
                        """));
    }

    @ParameterizedTest
    @MethodSource("wrongPrograms")
    void aWrongProgramDoesNotCompile(Program program) {
        String source = source(program.body());
        List<Long> errorLines = errors(source).stream()
                .map(Diagnostic::getLineNumber)
                .distinct()
                .toList();
        assertEquals(List.of(lineOf(source)), errorLines, "errors of a program that " + program.mistake());
    }

    @Test
    void theRightProgramCompiles() {
        String source = source("""
                Replicated y = comm.allReduce(down.forward(up.forward(x).apply(Nonlinearity.RELU)), x);
                TokenSharded z = comm.reduceScatter(down.forward(up.forward(y)));
                return comm.allGather(z);
                """);
        assertEquals(List.of(), errors(source));
    }

    private static String source(String body) {
        return """
                import org.tp4j.comm.*;
                import org.tp4j.device.*;
                import org.tp4j.layer.*;
                import org.tp4j.placement.*;

                class Program {
                    Replicated run(
                            Communicator comm, ColumnParallelLinear up, RowParallelLinear down, Replicated x, Replicated b) {
                %s    }
                }
                """.formatted(body.indent(8));
    }

    private static long lineOf(String source) {
        long line = 1;
        for (String text : source.lines().toList()) {
            if (text.endsWith(MARK)) {
                return line;
            }
            line++;
        }
        throw new AssertionError("no line is marked");
    }

    /** What the compiler finds wrong, without writing anything. */
    private static List<Diagnostic<? extends JavaFileObject>> errors(String source) {
        JavaFileObject file =
                new SimpleJavaFileObject(URI.create("string:///Program.java"), JavaFileObject.Kind.SOURCE) {
                    @Override
                    public CharSequence getCharContent(boolean ignoreEncodingErrors) {
                        return source;
                    }
                };
        DiagnosticCollector<JavaFileObject> diagnostics = new DiagnosticCollector<>();
        JavacTask task = (JavacTask) ToolProvider.getSystemJavaCompiler()
                .getTask(
                        null,
                        null,
                        diagnostics,
                        List.of("-proc:none", "-cp", System.getProperty("java.class.path")),
                        null,
                        List.of(file));
        try {
            task.analyze();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        return diagnostics.getDiagnostics().stream()
                .filter(diagnostic -> diagnostic.getKind() == Diagnostic.Kind.ERROR)
                .toList();
    }
}
