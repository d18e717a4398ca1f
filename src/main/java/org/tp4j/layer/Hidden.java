package org.tp4j.layer;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.tp4j.comm.Rank;
import org.tp4j.device.DeviceMatrix;
import org.tp4j.device.Nonlinearity;
import org.tp4j.placement.FeatureSharded;
import org.tp4j.placement.Member;
import org.tp4j.placement.Replicated;
import org.tp4j.placement.ShardPlan;

/** The first half of a feed-forward block: from the input to this rank's slice of the hidden activation. */
sealed interface Hidden permits Hidden.Plain, Hidden.Gated {
    /** The hidden activation of {@code x} (tokens, in): this rank's slice of (tokens, hidden). */
    FeatureSharded forward(Replicated x);

    /** {@code h_r = f(x W1_r + b_r)}. */
    record Plain(ColumnParallelLinear up, Nonlinearity f) implements Hidden {
        @Override
        public FeatureSharded forward(Replicated x) {
            FeatureSharded linear = up.forward(x);
            return f == Nonlinearity.NONE ? linear : linear.apply(f);
        }
    }

    /** {@code h_r = f(x WG_r + bg_r) * (x W1_r + b_r)}: both weights lie in one matrix, so that this is one product. */
    final class Gated implements Hidden {
        private final Member member;
        private final ShardPlan plan;
        private final Weight up;
        private final Nonlinearity f;
        private final List<DeviceMatrix> stacked = new ArrayList<>();
        private final List<Optional<DeviceMatrix>> biases = new ArrayList<>();

        Gated(Rank rank, Weight gate, Weight up, Nonlinearity f) {
            this.member = rank.member();
            this.plan = rank.comm().plan(up.out());
            this.up = up;
            this.f = f;
            for (int i = 0; i < plan.blocksPerRank(); i++) {
                int block = plan.firstBlock(member.index()) + i;
                stacked.add(Weight.outBlock(rank, List.of(gate, up), plan, block));
                biases.add(Weight.biasBlock(rank, List.of(gate, up), plan, block));
            }
        }

        @Override
        public FeatureSharded forward(Replicated x) {
            Products.checkInput("gated column-parallel", up, plan, x);
            List<DeviceMatrix> slices = new ArrayList<>(stacked.size());
            for (int i = 0; i < stacked.size(); i++) {
                int block = plan.firstBlock(member.index()) + i;
                slices.add(slice(x, stacked.get(i), biases.get(i), block));
            }
            return FeatureSharded.unchecked(member, plan, slices);
        }

        private DeviceMatrix slice(Replicated x, DeviceMatrix weights, Optional<DeviceMatrix> bias, int block) {
            long width = plan.blockWidth(block);
            DeviceMatrix product = Products.product(x.matrix(), weights, up.layout());
            DeviceMatrix both = Products.round(product, bias, product.dtype());
            DeviceMatrix hidden = both.scope().allocate(up.dtype(), both.rows(), width);
            both.scope().stream().applyGated(f, both.columns(0, width), both.columns(width, 2 * width), hidden);
            both.scope().release(both);
            Products.zeroPadding(hidden, plan, block);
            return hidden;
        }
    }
}
