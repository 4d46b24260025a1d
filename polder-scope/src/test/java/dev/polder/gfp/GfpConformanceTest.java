package dev.polder.gfp;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.tuple;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.polder.testkit.LeftOut;
import dev.polder.testkit.Row;
import dev.polder.testkit.Truth;
import dev.polder.testkit.TruthRow;
import dev.polder.testkit.TruthRow;
import dev.polder.testkit.TruthRow;
import java.util.ArrayList;
import java.util.List;
import java.util.function.IntConsumer;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;

class GfpConformanceTest {
    /// Bits that a kernel has and Polder lacks: rows that name them do not apply.
    static final List<String> NOT_HERE = List.of("__GFP_HIGHMEM", "GFP_ZONEMASK", "__GFP_HARDWALL",
            "__GFP_ZEROTAGS", "__GFP_NO_OBJ_EXT", "__GFP_BITS_MASK");

    static void forEveryMask(IntConsumer check) {
        int mask = 0;
        do {
            check.accept(mask);
            mask = (mask - Gfp.ALL) & Gfp.ALL; // the next subset of ALL
        } while (mask != 0);
    }

    @TestFactory
    @Row({"A1", "A2", "A3", "A4", "A6"})
    Stream<DynamicTest> masksArePrintedAndBlockAsRecorded() {
        return Truth.rows("masks.csv").stream()
                .filter(row -> !NOT_HERE.contains(row.get("name")))
                .map(row -> DynamicTest.dynamicTest(row.get("name"), () -> checkMask(row)));
    }

    private static void checkMask(TruthRow row) {
        String name = row.get("name");
        int mask = Gfp.parse(name);
        String expected = name.equals("__GFP_NOLOCKDEP")
                ? name // the recording kernel has no such bit; Polder prints it by its own name
                : row.get("names_pGg");
        assertThat(Gfp.toString(mask)).isEqualTo(expected);
        assertThat(Gfp.parse(expected)).isEqualTo(mask);
        assertThat(Gfp.allowsBlocking(mask)).isEqualTo(row.get("allow_blocking").equals("1"));
    }

    @Test
    void exactlySixRecordedMasksDoNotApply() {
        assertThat(Truth.rows("masks.csv")).extracting(row -> row.get("name"))
                .containsAll(NOT_HERE)
                .hasSize(NOT_HERE.size() + 53);
        assertThat(LeftOut.here()).extracting(LeftOut::file, LeftOut::rows)
                .containsExactly(tuple("masks.csv", NOT_HERE.size()));
    }

    @Test
    @Row("A1")
    void reclaimIsBothReclaimBits() {
        assertThat(Gfp.RECLAIM).isEqualTo(Gfp.DIRECT_RECLAIM | Gfp.KSWAPD_RECLAIM);
        assertThat(Gfp.RECLAIM & ~Gfp.DIRECT_RECLAIM).isEqualTo(Gfp.KSWAPD_RECLAIM);
        assertThat(Gfp.RECLAIM & ~Gfp.KSWAPD_RECLAIM).isEqualTo(Gfp.DIRECT_RECLAIM);
        assertThat(Integer.bitCount(Gfp.RECLAIM)).isEqualTo(2);
    }

    @Test
    @Row("A2")
    void noioIsWithinNofsIsWithinKernel() {
        assertThat(Gfp.KERNEL).isEqualTo(Gfp.RECLAIM | Gfp.IO | Gfp.FS);
        assertThat(Gfp.NOFS).isEqualTo(Gfp.KERNEL & ~Gfp.FS);
        assertThat(Gfp.NOIO).isEqualTo(Gfp.NOFS & ~Gfp.IO).isEqualTo(Gfp.RECLAIM);
    }

    @Test
    @Row({"A3", "A4"})
    void compositesAreMadeOfTheirBits() {
        assertThat(Gfp.ATOMIC).isEqualTo(Gfp.HIGH | Gfp.KSWAPD_RECLAIM);
        assertThat(Gfp.NOWAIT).isEqualTo(Gfp.KSWAPD_RECLAIM | Gfp.NOWARN);
        assertThat(Gfp.KERNEL_ACCOUNT).isEqualTo(Gfp.KERNEL | Gfp.ACCOUNT);
    }

    @Test
    @Row("A6")
    void onlyDirectReclaimDecidesAboutBlocking() {
        forEveryMask(mask -> assertThat(Gfp.allowsBlocking(mask))
                .isEqualTo((mask & Gfp.DIRECT_RECLAIM) != 0));
        int narrowed = Gfp.KERNEL & ~Gfp.FS;
        assertThat(Gfp.has(narrowed, Gfp.KERNEL)).isFalse();
        assertThat(Gfp.allowsBlocking(narrowed)).isTrue();
        assertThat(Gfp.has(Gfp.KERNEL | Gfp.HIGH, Gfp.ATOMIC)).isTrue();
        assertThat(Gfp.allowsBlocking(Gfp.KERNEL | Gfp.HIGH)).isTrue();
    }

    @Test
    @Row("A7")
    void anyReclaimBitAllowsSpinning() {
        forEveryMask(mask -> assertThat(Gfp.allowsSpinning(mask))
                .isEqualTo((mask & Gfp.RECLAIM) != 0));
        assertThat(Gfp.allowsSpinning(Gfp.NOWAIT)).isTrue();
        assertThat(Gfp.allowsSpinning(Gfp.HIGH)).isFalse();
    }

    @Test
    @Row("A8")
    void nestedMaskKeepsContextAndAddsNoAbility() {
        int always = Gfp.NORETRY | Gfp.NOMEMALLOC | Gfp.NOWARN;
        int kept = Gfp.KERNEL | Gfp.ATOMIC | Gfp.NOLOCKDEP;
        forEveryMask(mask -> {
            int nested = Gfp.nestedMask(mask);
            assertThat(nested & kept).isEqualTo(mask & kept);
            assertThat(nested & ~kept).isEqualTo(always);
        });
    }

    @Test
    @Row("A9")
    void metadataMaskDropsOnlyZeroAndAccount() {
        assertThat(Gfp.ALL & ~Gfp.RECLAIM_MASK).isEqualTo(Gfp.ZERO | Gfp.ACCOUNT);
        assertThat(Gfp.RECLAIM_MASK).isEqualTo(Gfp.parse("__GFP_RECLAIM|__GFP_HIGH|__GFP_IO|"
                + "__GFP_FS|__GFP_NOWARN|__GFP_RETRY_MAYFAIL|__GFP_NOFAIL|__GFP_NORETRY|"
                + "__GFP_MEMALLOC|__GFP_NOMEMALLOC|__GFP_NOLOCKDEP"));
    }

    @Test
    @Row("A12")
    void everyOtherBitIsRefused() {
        for (int bit = 1; bit != 0; bit <<= 1) {
            int one = bit;
            if ((one & Gfp.ALL) != 0) {
                assertThat(Gfp.check(one)).isEqualTo(one);
                continue;
            }
            String hex = "0x" + Integer.toHexString(one);
            assertThatThrownBy(() -> Gfp.check(Gfp.KERNEL | one))
                    .isInstanceOf(IllegalArgumentException.class).hasMessageContaining(hex);
            assertThatThrownBy(() -> Gfp.toString(one)).hasMessageContaining(hex);
            assertThatThrownBy(() -> Gfp.allowsBlocking(one)).hasMessageContaining(hex);
            assertThatThrownBy(() -> Gfp.nestedMask(one)).hasMessageContaining(hex);
            assertThatThrownBy(() -> Memalloc.effective(one)).hasMessageContaining(hex);
        }
    }

    @Test
    void valuesAreFrozen() {
        assertThat(new int[] {Gfp.HIGH, Gfp.IO, Gfp.FS, Gfp.ZERO, Gfp.DIRECT_RECLAIM,
            Gfp.KSWAPD_RECLAIM, Gfp.NOWARN, Gfp.RETRY_MAYFAIL, Gfp.NOFAIL, Gfp.NORETRY,
            Gfp.MEMALLOC, Gfp.NOMEMALLOC, Gfp.ACCOUNT, Gfp.NOLOCKDEP})
            .containsExactly(0x20, 0x40, 0x80, 0x100, 0x400, 0x800, 0x2000, 0x4000, 0x8000,
                    0x10000, 0x20000, 0x80000, 0x400000, 0x2000000);
    }

    @Test
    void parseIsTheInverseOfToString() {
        List<String> texts = new ArrayList<>();
        forEveryMask(mask -> {
            String text = Gfp.toString(mask);
            texts.add(text);
            assertThat(Gfp.parse(text)).as(text).isEqualTo(mask);
        });
        assertThat(texts).hasSize(1 << Integer.bitCount(Gfp.ALL)).doesNotHaveDuplicates();
    }

    @Test
    void parseReadsWhatPeopleWrite() {
        assertThat(Gfp.parse("0")).isZero();
        assertThat(Gfp.parse("")).isZero();
        assertThat(Gfp.parse(" GFP_KERNEL | __GFP_ZERO ")).isEqualTo(Gfp.KERNEL | Gfp.ZERO);
        assertThat(Gfp.parse("GFP_KERNEL&~__GFP_FS")).isEqualTo(Gfp.NOFS);
        assertThat(Gfp.parse("GFP_KERNEL & ~__GFP_FS &~ __GFP_IO")).isEqualTo(Gfp.NOIO);
        assertThat(Gfp.parse("__GFP_FS|GFP_KERNEL&~__GFP_FS"))
                .as("&~ binds tighter than |").isEqualTo(Gfp.KERNEL);
    }

    @Test
    void parseNamesTheWordThatIsWrong() {
        for (String text : List.of("GFP_KERNEL|__GFP_HIGHMEM", "GFP_KERNEL&~__GFP_HIGHMEM")) {
            assertThatThrownBy(() -> Gfp.parse(text))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessageContaining("'__GFP_HIGHMEM'");
        }
        assertThatThrownBy(() -> Gfp.parse("GFP_KERNEL|")).hasMessageContaining("''");
        assertThatThrownBy(() -> Gfp.parse("gfp_kernel")).hasMessageContaining("'gfp_kernel'");
        assertThatThrownBy(() -> Gfp.parse("KERNEL")).hasMessageContaining("'KERNEL'");
    }
}
