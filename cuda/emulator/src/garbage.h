// What a call that fails leaves where its answers would be. The manual promises nothing of it.
#pragma once

#include <cstring>
#include <tuple>

namespace emulator {

template <typename Value>
void spoil(Value& value) {
    std::memset(static_cast<void*>(&value), 0xBD, sizeof value);
}

/** A value of which no handle, address or ordinal that was ever given out is one. */
template <typename Value>
Value garbage() {
    Value value;
    spoil(value);
    return value;
}

/** Where a caller wants a call's answers; null where it wants none. */
template <typename... Values>
class Answers {
public:
    explicit Answers(Values*... places) : places(places...) {}

    /** The call failed. */
    void spoil() const {
        const auto one = [](auto* place) {
            if (place != nullptr) {
                emulator::spoil(*place);
            }
        };
        std::apply([&](auto*... each) { (one(each), ...); }, places);
    }

private:
    std::tuple<Values*...> places;
};

}  // namespace emulator
