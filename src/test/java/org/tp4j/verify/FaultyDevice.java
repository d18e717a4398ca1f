package org.tp4j.verify;

import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Proxy;
import org.tp4j.device.AllReduceAlgorithm;
import org.tp4j.device.Device;
import org.tp4j.device.DeviceKind;
import org.tp4j.device.Event;
import org.tp4j.device.Stream;
import org.tp4j.tensor.DType;

/** A device whose streams change the arguments of what they are asked to do. */
public record FaultyDevice(Device device, Fault fault) implements Device {
    /** Changes an operation's arguments in place before it runs. */
    public interface Fault {
        void change(String operation, Object[] arguments);
    }

    @Override
    public Stream openStream() {
        Stream stream = device.openStream();
        return (Stream) Proxy.newProxyInstance(
                getClass().getClassLoader(), new Class<?>[] {Stream.class}, (proxy, method, arguments) -> {
                    if (arguments != null) {
                        fault.change(method.getName(), arguments);
                    }
                    try {
                        return method.invoke(stream, arguments);
                    } catch (InvocationTargetException e) {
                        throw e.getCause();
                    }
                });
    }

    @Override
    public DeviceKind kind() {
        return device.kind();
    }

    @Override
    public int index() {
        return device.index();
    }

    @Override
    public String name() {
        return device.name();
    }

    @Override
    public String model() {
        return device.model();
    }

    @Override
    public Event createEvent() {
        return device.createEvent();
    }

    @Override
    public long liveBytes() {
        return device.liveBytes();
    }

    @Override
    public double roundoff(DType dtype) {
        return device.roundoff(dtype);
    }

    @Override
    public AllReduceAlgorithm allReduceAlgorithm(long bytes, int ranks) {
        return device.allReduceAlgorithm(bytes, ranks);
    }
}
