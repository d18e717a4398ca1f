package org.tp4j.cli;

import java.util.List;
import java.util.Locale;
import java.util.Optional;
import org.tp4j.device.DeviceKind;
import org.tp4j.tensor.DType;
import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.Option;
import picocli.CommandLine.TypeConversionException;

/** What every command takes. */
final class DeviceOptions {
    @Option(
            names = "--device",
            paramLabel = "auto|cpu|cuda",
            defaultValue = "auto",
            converter = KindConverter.class,
            description = "Which devices to use (default: cuda where it works, else cpu).")
    private DeviceKind kind;

    @Option(
            names = "--dtype",
            paramLabel = "f64|f32|f16|bf16",
            converter = DTypeConverter.class,
            description = "What to compute in (default: what the files hold; verify takes all, bench f32 and f64).")
    private Optional<DType> dtype = Optional.empty();

    @Option(names = "--json", description = "Print one JSON object on standard output.")
    private boolean json;

    DeviceKind kind() {
        return kind;
    }

    Optional<DType> dtype() {
        return dtype;
    }

    boolean json() {
        return json;
    }

    static final class KindConverter implements ITypeConverter<DeviceKind> {
        @Override
        public DeviceKind convert(String value) {
            return List.of(DeviceKind.values()).stream()
                    .filter(kind -> kind.label().equals(value.toLowerCase(Locale.ROOT)))
                    .findFirst()
                    .orElseThrow(() -> new TypeConversionException(
                            "'" + value + "' is not a kind of device: use auto, cpu or cuda"));
        }
    }

    static final class DTypeConverter implements ITypeConverter<DType> {
        @Override
        public DType convert(String value) {
            try {
                return DType.parse(value.toLowerCase(Locale.ROOT));
            } catch (IllegalArgumentException e) {
                throw new TypeConversionException(e.getMessage());
            }
        }
    }
}
