// A test is a function that runs in a process of its own, since a device that dies is dead for its process.
#pragma once

#include <functional>
#include <string>
#include <vector>

namespace testing {

struct Test {
    const char* name;
    void (*body)();
};

std::vector<Test>& tests();

struct Register {
    Register(const char* name, void (*body)()) { tests().push_back({name, body}); }
};

/** Ends the test, naming the line, unless the condition holds. */
void expectAt(const char* file, int line, bool condition, const std::string& what);

}  // namespace testing

#define TEST(name)                                                      \
    static void test_##name();                                          \
    static const testing::Register register_##name(#name, test_##name); \
    static void test_##name()

#define EXPECT(condition) testing::expectAt(__FILE__, __LINE__, (condition), #condition)

/** The code is compared as a number and printed as one. */
#define EXPECT_CODE(expected, call)                                                            \
    do {                                                                                       \
        const int answered = static_cast<int>(call);                                           \
        testing::expectAt(__FILE__, __LINE__, answered == static_cast<int>(expected),          \
                          #call " answered " + std::to_string(answered) + ", not " #expected); \
    } while (false)

#define OK(call) EXPECT_CODE(0, call)
