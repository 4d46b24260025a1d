package dev.polder.shrinker;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.polder.gfp.CleanScopes;
import dev.polder.gfp.FsReclaim;
import dev.polder.gfp.Gfp;
import dev.polder.gfp.MemallocScope;
import dev.polder.gfp.ReclaimDomain;
import dev.polder.gfp.ScopeSite;
import dev.polder.gfp.Threads;
import dev.polder.task.ShrinkAccess;
import dev.polder.testkit.Row;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.locks.Lock;
import java.util.concurrent.locks.ReadWriteLock;
import java.util.concurrent.locks.ReentrantLock;
import java.util.concurrent.locks.ReentrantReadWriteLock;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

@SuppressWarnings("LockNotBeforeTry") // locks are the subject here
@ExtendWith(CleanScopes.class)
class ShrinkControlTest {
    private static final ScopeSite SITE = ScopeSite.of("test");

    private final ReclaimDomain index = ReclaimDomain.of("index");
    private final ReclaimDomain texts = ReclaimDomain.of("texts");

    @Test
    void ofIsAForegroundControlForAllGroups() {
        ShrinkControl sc = ShrinkControl.of(Gfp.KERNEL, 128);
        assertThat(sc.gfp()).isEqualTo(Gfp.KERNEL);
        assertThat(sc.toScan()).isEqualTo(128);
        assertThat(sc.groupId()).isZero();
        assertThat(sc.background()).isFalse();
        assertThat(sc.mayWait()).isTrue();
        assertThat(sc).hasToString("ShrinkControl[GFP_KERNEL, may wait, toScan=128]");
        assertThatThrownBy(() -> ShrinkControl.of(Gfp.KERNEL, -1))
                .isInstanceOf(IllegalArgumentException.class);
        assertThatThrownBy(() -> ShrinkControl.of(1, 1))
                .isInstanceOf(IllegalArgumentException.class);
    }

    @Test
    void waitingNeedsFsAndIoAndNoExclusion() {
        assertThat(ShrinkControl.of(Gfp.NOFS, 1).mayWait()).isFalse();
        assertThat(ShrinkControl.of(Gfp.NOIO, 1).mayWait()).isFalse();
        assertThat(ShrinkControl.of(Gfp.RECLAIM | Gfp.FS, 1).mayWait()).isFalse();
        assertThat(ShrinkControl.of(Gfp.KERNEL | Gfp.NORETRY, 1).mayWait()).isTrue();
        try (MemallocScope scope = MemallocScope.excluding(texts, SITE)) {
            assertThat(ShrinkControl.of(Gfp.KERNEL, 1).mayWait())
                    .as("another domain's exclusion counts").isFalse();
        }
        Lock guard = texts.guard(new ReentrantLock(), SITE);
        guard.lock();
        assertThat(ShrinkControl.of(Gfp.KERNEL, 1).mayWait()).isFalse();
        guard.unlock();
        assertThat(ShrinkControl.of(Gfp.KERNEL, 1).mayWait()).isTrue();
    }

    @Test
    @Row("B11")
    void theMaskIsNarrowedWhenTheControlIsMade() {
        try (MemallocScope scope = MemallocScope.noFs(SITE)) {
            ShrinkControl sc = ShrinkControl.of(Gfp.KERNEL, 1);
            assertThat(sc.gfp()).isEqualTo(Gfp.NOFS);
            assertThat(sc.mayWait()).isFalse();
        }
    }

    @Test
    void excludedDomainsAreNotEntered() {
        try (MemallocScope scope = MemallocScope.excluding(index, SITE)) {
            ShrinkControl sc = ShrinkControl.of(Gfp.KERNEL, 1);
            assertThat(sc.mayEnter(index)).isFalse();
            assertThat(sc.mayEnter(texts)).isTrue();
        }
        assertThat(ShrinkControl.of(Gfp.KERNEL, 1).mayEnter(index)).isTrue();
    }

    @Test
    @Row("F6")
    void scannedIsPresetAndMayBeChanged() {
        ShrinkAccess access = ShrinkAccess.get();
        Object control = access.create();
        access.begin(control, Gfp.NOFS, false, false, 7);
        ShrinkControl sc = (ShrinkControl) control;
        assertThat(sc.groupId()).isEqualTo(7);
        assertThat(sc.toScan()).isZero();
        access.request(sc, 128);
        assertThat(sc.toScan()).isEqualTo(128);
        assertThat(access.scanned(sc)).isEqualTo(128);
        sc.scanned(5);
        assertThat(access.scanned(sc)).isEqualTo(5);
        sc.scanned(0);
        assertThat(access.scanned(sc)).isZero();
        assertThatThrownBy(() -> sc.scanned(-1)).isInstanceOf(IllegalArgumentException.class);
        access.request(sc, 3);
        assertThat(access.scanned(sc)).isEqualTo(3);
    }

    @Test
    void backgroundReclaimMayEnterEverything() {
        ShrinkAccess access = ShrinkAccess.get();
        ShrinkControl sc = (ShrinkControl) access.create();
        access.begin(sc, Gfp.KERNEL, false, true, 0);
        assertThat(sc.background()).isTrue();
        assertThat(sc.mayWait()).isFalse();
        assertThat(sc.mayEnter(index)).isTrue();
        assertThat(sc.toString()).contains("background");
    }

    @Test
    void tryEnterTakesAFreeLockAndRefusesAForeignOne() throws Exception {
        ReentrantLock lock = new ReentrantLock();
        ShrinkControl sc = ShrinkControl.of(Gfp.NOFS, 1);
        assertThat(sc.tryEnter(lock)).isTrue();
        assertThat(lock.isHeldByCurrentThread()).isTrue();
        assertThat(Threads.on(() -> ShrinkControl.of(Gfp.NOFS, 1).tryEnter(lock))).isFalse();
        lock.unlock();
    }

    /// A plain tryLock by the holder succeeds: the silent re-entry that this is for.
    @Test
    void tryEnterRefusesALockTheThreadHolds() {
        ShrinkControl sc = ShrinkControl.of(Gfp.KERNEL, 1);
        ReentrantLock plain = new ReentrantLock();
        plain.lock();
        assertThat(sc.tryEnter(plain)).isFalse();
        assertThat(plain.getHoldCount()).isEqualTo(1);
        plain.unlock();

        ReentrantReadWriteLock pair = new ReentrantReadWriteLock();
        pair.writeLock().lock();
        assertThat(sc.tryEnter(pair.writeLock())).isFalse();
        pair.writeLock().unlock();

        Lock guard = index.guard(plain, SITE);
        guard.lock();
        assertThat(sc.tryEnter(guard)).isFalse();
        assertThat(sc.tryEnter(plain)).isFalse();
        guard.unlock();
        plain.lock();
        assertThat(sc.tryEnter(guard)).as("held without the guard").isFalse();
        plain.unlock();
        assertThat(sc.tryEnter(guard)).isTrue();
        guard.unlock();
    }

    @Test
    void tryEnterRefusesBothSidesOfAGuardedPair() {
        ShrinkControl sc = ShrinkControl.of(Gfp.KERNEL, 1);
        ReentrantReadWriteLock pair = new ReentrantReadWriteLock();
        ReadWriteLock guard = index.guard(pair, SITE);
        guard.writeLock().lock();
        assertThat(sc.tryEnter(guard.readLock())).as("a downgrade is a re-entry").isFalse();
        guard.writeLock().unlock();
        guard.readLock().lock();
        assertThat(sc.tryEnter(guard.readLock())).isFalse();
        assertThat(sc.tryEnter(guard.writeLock())).isFalse();
        guard.readLock().unlock();
        assertThat(sc.tryEnter(guard.readLock())).isTrue();
        guard.readLock().unlock();
    }

    @Test
    void aTrackerCanSayThatALockIsHeldAndHearsOfEachAttempt() {
        ReentrantReadWriteLock pair = new ReentrantReadWriteLock();
        List<Boolean> attempts = new ArrayList<>();
        boolean[] held = {true};
        FsReclaim.install(new FsReclaim.Tracker() {
            @Override
            public void mightAlloc(int gfp) {}

            @Override
            public void reclaimEnter(int gfp) {}

            @Override
            public void reclaimLeave(int gfp) {}

            @Override
            public void tryEntered(Lock lock, boolean got) {
                assertThat(lock).isSameAs(pair.readLock());
                attempts.add(got);
            }

            @Override
            public boolean holds(Lock lock) {
                return held[0];
            }
        });
        try {
            assertThat(ShrinkControl.of(Gfp.KERNEL, 1).tryEnter(pair.readLock())).isFalse();
            held[0] = false;
            assertThat(ShrinkControl.of(Gfp.KERNEL, 1).tryEnter(pair.readLock())).isTrue();
            pair.readLock().unlock();
        } finally {
            FsReclaim.install(null);
        }
        assertThat(attempts).containsExactly(false, true);
    }

    @Test
    @Row({"F1", "F7"})
    void theAnswersAreTheKernels() {
        assertThat(Shrinker.STOP).as("SHRINK_STOP, ~0").isEqualTo(~0L);
        assertThat(Shrinker.EMPTY).as("SHRINK_EMPTY, ~0 - 1").isEqualTo(~0L - 1);
    }
}
