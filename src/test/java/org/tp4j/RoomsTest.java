package org.tp4j;

import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static com.tngtech.archunit.library.Architectures.layeredArchitecture;
import static com.tngtech.archunit.library.dependencies.SlicesRuleDefinition.slices;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.tngtech.archunit.core.domain.JavaClass;
import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.domain.JavaPackage;
import com.tngtech.archunit.core.importer.ImportOption;
import com.tngtech.archunit.junit.AnalyzeClasses;
import com.tngtech.archunit.junit.ArchTest;
import com.tngtech.archunit.lang.ArchRule;
import com.tngtech.archunit.library.Architectures.LayeredArchitecture;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** Who may know whom: each package uses only those below it, and each native library has one home. */
@AnalyzeClasses(packages = "org.tp4j", importOptions = ImportOption.DoNotIncludeTests.class)
final class RoomsTest {
    /** From the top down; packages of one line do not know each other. */
    private static final List<List<String>> STOREYS = List.of(
            List.of("cli.."),
            List.of("bench..", "verify.."),
            List.of("TensorParallel"),
            List.of("layer.."),
            List.of("comm.."),
            List.of("placement.."),
            List.of("device"),
            List.of("tensor.."));

    /** Reached through the service loader alone. */
    private static final List<String> BACKENDS = List.of("device.cpu..", "device.cuda..");

    @ArchTest
    static final ArchRule EACH_PACKAGE_USES_ONLY_THOSE_BELOW_IT = storeys();

    @ArchTest
    static final ArchRule PACKAGES_HAVE_NO_CYCLES =
            slices().matching("org.tp4j.(**)").should().beFreeOfCycles();

    @ArchTest
    static final ArchRule OPENBLAS_IS_NAMED_BY_THE_CPU_BACKEND_ONLY = noClasses()
            .that()
            .resideOutsideOfPackage("org.tp4j.device.cpu..")
            .should()
            .dependOnClassesThat()
            .resideInAPackage("org.bytedeco.openblas..");

    @ArchTest
    static final ArchRule JAVACPP_IS_NAMED_BY_THE_CPU_BACKEND_AND_HOST_MATRICES_ONLY = noClasses()
            .that()
            .resideOutsideOfPackage("org.tp4j.device.cpu..")
            .and()
            .haveNameNotMatching("org\\.tp4j\\.tensor\\.(HostMemory|NativeSupport)(\\$.*)?")
            .should()
            .dependOnClassesThat()
            .resideInAPackage("org.bytedeco.javacpp..");

    @ArchTest
    static final ArchRule JNA_IS_NAMED_WHERE_THE_SYSTEM_IS_CALLED_ONLY = noClasses()
            .that()
            .haveNameNotMatching("org\\.tp4j\\.(tensor\\.HugePages|cli\\.ProcessEnd)(\\$.*)?")
            .should()
            .dependOnClassesThat()
            .resideInAPackage("com.sun.jna..");

    @ArchTest
    static final ArchRule JCUDA_IS_NAMED_BY_THE_CUDA_BACKEND_ONLY = noClasses()
            .that()
            .resideOutsideOfPackage("org.tp4j.device.cuda..")
            .should()
            .dependOnClassesThat()
            .resideInAPackage("jcuda..")
            .allowEmptyShould(true);

    @ArchTest
    static final ArchRule PROCESSES_ARE_BUILT_BY_ONE_CLASS_ONLY = noClasses()
            .that()
            .haveNameNotMatching("org\\.tp4j\\.device\\.ChildProcess")
            .should()
            .callConstructor(ProcessBuilder.class, String[].class)
            .orShould()
            .callConstructor(ProcessBuilder.class, List.class);

    @ArchTest
    static final ArchRule JUNIT_IS_NO_DEPENDENCY =
            noClasses().should().dependOnClassesThat().resideInAPackage("org.junit..");

    @ArchTest
    static final ArchRule PICOCLI_IS_NAMED_BY_THE_COMMAND_LINE_ONLY = noClasses()
            .that()
            .resideOutsideOfPackage("org.tp4j.cli..")
            .should()
            .dependOnClassesThat()
            .resideInAPackage("picocli..");

    @ArchTest
    static final ArchRule LOGGING_IS_THE_PLATFORMS = noClasses()
            .should()
            .dependOnClassesThat()
            .resideInAnyPackage(
                    "java.util.logging..", "org.slf4j..", "org.apache.logging..", "org.apache.commons.logging..");

    @ArchTest
    static void everyPackageSaysWhatItIs(JavaClasses classes) {
        for (JavaClass each : classes) {
            JavaPackage room = each.getPackage();
            Path page = Path.of("src/main/java", room.getName().replace('.', '/'), "package-info.java");
            assertTrue(Files.exists(page), () -> room.getName() + " has no " + page);
        }
    }

    private static LayeredArchitecture storeys() {
        LayeredArchitecture house = layeredArchitecture().consideringOnlyDependenciesInLayers();
        List<String> above = new ArrayList<>();
        for (String backend : BACKENDS) {
            house = house.optionalLayer(backend)
                    .definedBy("org.tp4j." + backend)
                    .whereLayer(backend)
                    .mayNotBeAccessedByAnyLayer();
        }
        for (List<String> storey : STOREYS) {
            for (String room : storey) {
                house = house.optionalLayer(room).definedBy(packageOf(room));
                house = above.isEmpty()
                        ? house.whereLayer(room).mayNotBeAccessedByAnyLayer()
                        : house.whereLayer(room).mayOnlyBeAccessedByLayers(above.toArray(String[]::new));
            }
            above.addAll(storey);
            if (storey.contains("placement..")) {
                above.addAll(BACKENDS);
            }
        }
        return house;
    }

    private static String packageOf(String room) {
        return room.equals("TensorParallel") ? "org.tp4j" : "org.tp4j." + room;
    }
}
