#include "gemm.h"

#include "numbers.h"

#include <algorithm>
#include <vector>

namespace emulator {
namespace {

std::uint64_t mix(std::uint64_t hash, std::uint64_t value) {
    hash ^= value + 0x9e3779b97f4a7c15u + (hash << 6) + (hash >> 2);
    hash *= 0xff51afd7ed558ccdu;
    return hash ^ hash >> 33;
}

// What a fast load would look at: the power of two that the address is a multiple of, up to 256.
std::uint64_t alignmentOf(Address address) {
    return (address | 256) & -(address | 256);
}

template <typename Real>
Real load(cudaDataType_t type, Address address, bool tf32);

template <>
double load<double>(cudaDataType_t, Address address, bool) {
    return *reinterpret_cast<const double*>(address);
}

template <>
float load<float>(cudaDataType_t type, Address address, bool tf32) {
    switch (type) {
        case CUDA_R_16F:
            return fromFloat16(*reinterpret_cast<const std::uint16_t*>(address));
        case CUDA_R_16BF:
            return fromBFloat16(*reinterpret_cast<const std::uint16_t*>(address));
        default: {
            const float value = *reinterpret_cast<const float*>(address);
            return tf32 ? toTf32(value) : value;
        }
    }
}

void store(cudaDataType_t type, Address address, double value) {
    switch (type) {
        case CUDA_R_64F:
            *reinterpret_cast<double*>(address) = value;
            return;
        case CUDA_R_16F:
            *reinterpret_cast<std::uint16_t*>(address) = toFloat16(static_cast<float>(value));
            return;
        case CUDA_R_16BF:
            *reinterpret_cast<std::uint16_t*>(address) = toBFloat16(static_cast<float>(value));
            return;
        default:
            *reinterpret_cast<float*>(address) = static_cast<float>(value);
    }
}

template <typename Real>
Real rounded(cudaDataType_t type, Real value) {
    switch (type) {
        case CUDA_R_16F:
            return fromFloat16(toFloat16(static_cast<float>(value)));
        case CUDA_R_16BF:
            return fromBFloat16(toBFloat16(static_cast<float>(value)));
        default:
            return value;
    }
}

/** One product of a batch, its factors unpacked: op(A) row by row, op(B) in panels of neighboring columns. */
template <typename Real>
class Product {
public:
    Product(const Gemm& gemm, std::int64_t index, Accesses& accesses)
        : gemm(gemm), index(index), accesses(accesses) {}

    void run() {
        unpack(gemm.a, gemm.m, gemm.a.transposed, a,
               [&](std::int64_t row, std::int64_t at) { return row * gemm.k + at; });
        unpack(gemm.b, gemm.n, !gemm.b.transposed, b, [&](std::int64_t column, std::int64_t at) {
            return (column / width * gemm.k + at) * width + column % width;
        });
        noteResult();
        for (std::int64_t panel = 0; panel * width < gemm.n; panel++) {
            Plan plan = {};
            for (std::int64_t row = 0; row < gemm.m; row++) {
                if (row % Plan::tile == 0) {
                    plan = Plan::of(gemm, row, panel * width);
                }
                const Sums sums = sum(plan, row, panel);
                const std::int64_t columns = std::min(width, gemm.n - panel * width);
                for (std::int64_t column = 0; column < columns; column++) {
                    finish(row, panel * width + column, sums.at[column]);
                }
            }
        }
    }

private:
    /** Columns that are summed side by side; the order in which each is summed does not depend on its neighbors. */
    static constexpr std::int64_t width = 8;
    static_assert(Plan::tile % width == 0);
    static constexpr std::int64_t mostLanes = 8;
    struct Sums {
        Real at[width] = {};
    };

    // As `count` vectors of length k. A factor lies along k if each of its columns is one of them.
    template <typename Place>
    void unpack(const Factor& factor, std::int64_t count, bool alongK, std::vector<Real>& into, Place place) {
        const auto bytes = static_cast<std::int64_t>(bytesOf(gemm.input));
        const Address begin = factor.begin + static_cast<Address>(index * factor.stride * bytes);
        const std::int64_t columns = alongK ? count : gemm.k;
        const std::int64_t rows = alongK ? gemm.k : count;
        into.assign(static_cast<std::size_t>((count + width) * gemm.k), Real(0));
        for (std::int64_t column = 0; column < columns; column++) {
            const Address first = begin + static_cast<Address>(column * factor.ld * bytes);
            accesses.read(first, static_cast<std::uint64_t>(rows * bytes));
            for (std::int64_t row = 0; row < rows; row++) {
                const std::int64_t target = alongK ? place(column, row) : place(row, column);
                into[static_cast<std::size_t>(target)] =
                    load<Real>(gemm.input, first + static_cast<Address>(row * bytes), gemm.tf32);
            }
        }
    }

    Address element(std::int64_t row, std::int64_t column) const {
        return gemm.c + static_cast<Address>(index * gemm.strideC + column * gemm.ldc + row) * bytesOf(gemm.output);
    }

    void noteResult() {
        for (std::int64_t column = 0; column < gemm.n; column++) {
            const std::uint64_t bytes = static_cast<std::uint64_t>(gemm.m) * bytesOf(gemm.output);
            if (gemm.beta != 0) {
                accesses.read(element(0, column), bytes);
            }
            accesses.write(element(0, column), bytes);
        }
    }

    Sums sum(const Plan& plan, std::int64_t row, std::int64_t panel) const {
        const Real* x = a.data() + row * gemm.k;
        const Real* y = b.data() + panel * gemm.k * width;
        Sums total;
        for (int split = 0; split < plan.splits; split++) {
            const std::int64_t from = gemm.k * split / plan.splits;
            const std::int64_t to = gemm.k * (split + 1) / plan.splits;
            const Sums part = piece(plan.lanes, x + from, y + from * width, to - from);
            for (std::int64_t column = 0; column < width; column++) {
                total.at[column] =
                    split == 0 ? partial(part.at[column]) : partial(total.at[column] + partial(part.at[column]));
            }
        }
        return total;
    }

    Real partial(Real value) const { return gemm.roundPartials ? rounded(gemm.output, value) : value; }

    Sums piece(int lanes, const Real* x, const Real* y, std::int64_t length) const {
        Sums sums[mostLanes];
        for (std::int64_t at = 0; at < length; at++) {
            Sums& lane = sums[at & (lanes - 1)];
            for (std::int64_t column = 0; column < width; column++) {
                lane.at[column] += x[at] * y[at * width + column];
            }
        }
        for (std::int64_t half = lanes / 2; half > 0; half /= 2) {
            for (std::int64_t lane = 0; lane < half; lane++) {
                for (std::int64_t column = 0; column < width; column++) {
                    sums[lane].at[column] += sums[lane + half].at[column];
                }
            }
        }
        return sums[0];
    }

    void finish(std::int64_t row, std::int64_t column, Real total) const {
        const Address at = element(row, column);
        Real result = static_cast<Real>(gemm.alpha) * total;
        if (gemm.beta != 0) {
            result += static_cast<Real>(gemm.beta) * load<Real>(gemm.output, at, false);
        }
        store(gemm.output, at, static_cast<double>(result));
    }

    const Gemm& gemm;
    const std::int64_t index;
    Accesses& accesses;
    std::vector<Real> a;
    std::vector<Real> b;
};

// Partial sums lie here on hardware. Nothing is read back, but whoever shares it with another stream loses.
void scribble(const Gemm& gemm, Accesses& accesses) {
    const std::uint64_t wanted = static_cast<std::uint64_t>(gemm.m * gemm.n) * 4 * 4;
    const std::uint64_t bytes = std::min<std::uint64_t>(gemm.workspaceBytes, std::max<std::uint64_t>(wanted, 256));
    if (bytes > 0) {
        accesses.write(gemm.workspace, bytes);
        std::memset(reinterpret_cast<void*>(gemm.workspace), 0xFF, bytes);
    }
}

}  // namespace

std::size_t bytesOf(cudaDataType_t type) {
    return type == CUDA_R_64F ? 8 : type == CUDA_R_32F ? 4 : 2;
}

Plan Plan::of(const Gemm& gemm, std::int64_t row, std::int64_t column) {
    std::uint64_t hash = 0;
    for (const std::int64_t number : {std::int64_t{gemm.capability}, std::int64_t{gemm.multiprocessors}, gemm.m, gemm.n,
                                      gemm.k, gemm.batch, gemm.a.ld, gemm.b.ld, gemm.ldc, row / tile, column / tile}) {
        hash = mix(hash, static_cast<std::uint64_t>(number));
    }
    hash = mix(hash, gemm.workspaceBytes);
    for (const Address address : {gemm.a.begin, gemm.b.begin, gemm.c}) {
        hash = mix(hash, alignmentOf(address));
    }
    const int lanes = 1 << (hash >> 8 & 3);
    const bool room = gemm.workspaceBytes >= static_cast<std::uint64_t>(gemm.m * gemm.n) * bytesOf(gemm.output);
    return {room ? static_cast<int>(hash & 3) + 1 : 1, lanes};
}

void multiply(const Gemm& gemm, Accesses& accesses) {
    scribble(gemm, accesses);
    for (std::int64_t index = 0; index < gemm.batch; index++) {
        if (gemm.input == CUDA_R_64F) {
            Product<double>(gemm, index, accesses).run();
        } else {
            Product<float>(gemm, index, accesses).run();
        }
    }
}

}  // namespace emulator
