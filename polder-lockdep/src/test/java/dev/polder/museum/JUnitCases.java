package dev.polder.museum;

import dev.polder.gfp.FsReclaim;
import dev.polder.gfp.Gfp;
import dev.polder.gfp.ReclaimDomain;
import dev.polder.gfp.ScopeSite;
import dev.polder.lockdep.junit.LockdepExtension;
import java.util.concurrent.locks.Lock;
import java.util.concurrent.locks.ReentrantLock;
import org.junit.jupiter.api.MethodOrderer;
import org.junit.jupiter.api.Order;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestMethodOrder;
import org.junit.jupiter.api.extension.ExtendWith;

/// Test classes for `LockdepExtensionTest` to run: the build itself passes them over.
public final class JUnitCases {
    private JUnitCases() {}

    /// Locks that only an agent sees: the third test closes the circle that the first began.
    @ExtendWith(LockdepExtension.class)
    @TestMethodOrder(MethodOrderer.OrderAnnotation.class)
    public static final class Inversion {
        private static final ReentrantLock FIRST = new ReentrantLock();
        private static final Object SECOND = new Object();

        @Test
        @Order(1)
        public void oneWay() {
            FIRST.lock();
            try {
                synchronized (SECOND) {
                    assert FIRST.isLocked();
                }
            } finally {
                FIRST.unlock();
            }
        }

        @Test
        @Order(2)
        public void sound() {
            synchronized (SECOND) {
                assert !FIRST.isLocked();
            }
        }

        @Test
        @Order(3)
        public void theOtherWay() {
            back();
        }

        @Test
        @Order(4)
        public void theOtherWayAgain() {
            back();
        }

        private static void back() {
            synchronized (SECOND) {
                FIRST.lock();
                FIRST.unlock();
            }
        }
    }

    /// What is announced, so that no agent is needed: reclaim needs a lock of whoever
    /// guards it, and an allocation is made under it.
    @ExtendWith(LockdepExtension.class)
    @TestMethodOrder(MethodOrderer.OrderAnnotation.class)
    public static final class Announced {
        private static final Lock LOCK = ReclaimDomain.of("mine")
                .guard(new ReentrantLock(), ScopeSite.of("the index"));

        @Test
        @Order(1)
        public void reclaimTakesTheLock() {
            FsReclaim.acquire(Gfp.KERNEL);
            LOCK.lock();
            LOCK.unlock();
            FsReclaim.release(Gfp.KERNEL);
        }

        @Test
        @Order(2)
        public void anAllocationUnderItFails() {
            LOCK.lock();
            try {
                FsReclaim.mightAlloc(Gfp.KERNEL);
            } finally {
                LOCK.unlock();
            }
        }

        @Test
        @Order(3)
        public void anAllocationWithoutItPasses() {
            FsReclaim.mightAlloc(Gfp.KERNEL);
        }
    }
}
