package org.tp4j.verify;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.params.Parameter;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.tp4j.device.Machine;
import org.tp4j.tensor.DType;
import org.tp4j.tensor.WeightLayout;

/** An all-reduce is the host's tree at world sizes whose trees are full, and at those that leave parts over. */
@ParameterizedClass
@MethodSource("org.tp4j.device.TestDevices#machines")
class AllReduceTreeContractTest {
    @Parameter
    private Machine machine;

    private long liveBefore;

    @BeforeEach
    void look() {
        liveBefore = machine.liveBytes();
    }

    @AfterEach
    void nothingIsLeft() {
        assertEquals(liveBefore, machine.liveBytes(), "bytes still live on " + machine);
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 2, 3, 4, 5, 6, 7, 8, 9, 17})
    void everyAlgorithmAddsAsTheHostDoes(int worldSize) {
        Law law = Law.ALL_REDUCE_IS_TREE;
        try (Worlds worlds = new Worlds(machine.devices())) {
            for (DType dtype : DType.values()) {
                for (Shape shape : law.shapes()) {
                    LawResult result =
                            new Trial(law, worlds, worldSize, dtype, shape, WeightLayout.OUT_IN, worldSize).check();
                    assertTrue(result.passed(), result.toString());
                }
            }
        }
    }
}
