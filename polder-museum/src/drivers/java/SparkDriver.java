import java.lang.reflect.Field;
import java.lang.reflect.Method;
import java.util.Iterator;
import java.util.List;
import org.apache.spark.memory.MemoryConsumer;
import org.apache.spark.memory.MemoryMode;
import org.apache.spark.memory.TaskMemoryManager;
import org.apache.spark.memory.TestMemoryManager;
import org.apache.spark.unsafe.map.AbstractBytesToBytesMapSuite;
import org.apache.spark.unsafe.map.BytesToBytesMap;
import org.apache.spark.unsafe.map.BytesToBytesMapOnHeapSuite;
import org.apache.spark.util.collection.unsafe.sort.UnsafeExternalSorter;
import org.apache.spark.util.collection.unsafe.sort.UnsafeExternalSorterSuite;
import org.apache.spark.util.collection.unsafe.sort.UnsafeSorterIterator;

/// Drives Spark's published sorter and map on one thread: reads from one consumer's iterator, lets
/// another consumer ask for memory that is not there, reads on. Fixtures are those of Spark's own
/// test suites, out of its tests jar.
public final class SparkDriver {
    /// A consumer that only asks.
    private static final class Asker extends MemoryConsumer {
        Asker(TaskMemoryManager manager) {
            super(manager, 1 << 20, MemoryMode.ON_HEAP);
        }

        @Override
        public long spill(long size, MemoryConsumer trigger) {
            return 0;
        }
    }

    private SparkDriver() {}

    /// Arguments: "forced" calls the consumers' `spill` as forced reclaim does, while no memory is
    /// short; "short" lets another consumer ask for memory that is not there.
    public static void main(String[] args) throws Exception {
        List<String> acts = List.of(args);
        sorter(acts.contains("forced"), acts.contains("short"));
        map(acts.contains("forced"), acts.contains("short"));
    }

    private static void sorter(boolean forced, boolean isShort) throws Exception {
        UnsafeExternalSorterSuite suite = new UnsafeExternalSorterSuite();
        suite.setUp();
        TaskMemoryManager tasks = (TaskMemoryManager) field(suite, "taskMemoryManager");
        TestMemoryManager memory = (TestMemoryManager) field(suite, "memoryManager");
        UnsafeExternalSorter sorter = (UnsafeExternalSorter) method(suite, "newSorter");
        byte[] record = new byte[1 << 10];
        for (int i = 0; i < 8_000; i++) { // more than one page
            sorter.insertRecord(record, 16, record.length, i, false);
        }
        UnsafeSorterIterator reading = sorter.getSortedIterator();
        for (int i = 0; i < 10; i++) {
            reading.loadNext();
        }
        Asker asker = new Asker(tasks);
        if (forced) {
            sorter.spill(1, asker);
        }
        if (isShort) {
            memory.markExecutionAsOutOfMemoryOnce();
            asker.acquireMemory(1 << 12); // the manager lets the sorter, and so the iterator, spill
        }
        while (reading.hasNext()) {
            reading.loadNext(); // the iterator gives its last page back
        }
        sorter.cleanupResources();
        tasks.cleanUpAllAllocatedMemory();
    }

    private static void map(boolean forced, boolean isShort) throws Exception {
        AbstractBytesToBytesMapSuite suite = new BytesToBytesMapOnHeapSuite();
        suite.setup();
        TaskMemoryManager tasks = (TaskMemoryManager) field(suite, "taskMemoryManager");
        TestMemoryManager memory = (TestMemoryManager) field(suite, "memoryManager");
        BytesToBytesMap map = new BytesToBytesMap(tasks,
                (org.apache.spark.storage.BlockManager) field(suite, "blockManager"),
                (org.apache.spark.serializer.SerializerManager) field(suite, "serializerManager"),
                256, 0.5, 4096);
        long[] key = new long[4];
        for (int i = 0; i < 2_000; i++) {
            key[0] = i;
            map.lookup(key, 16, 32).append(key, 16, 32, key, 16, 32);
        }
        Iterator<?> reading = map.destructiveIterator();
        reading.next();
        Asker asker = new Asker(tasks);
        if (forced) {
            map.spill(1, asker);
        }
        if (isShort) {
            memory.markExecutionAsOutOfMemoryOnce();
            asker.acquireMemory(1 << 12);
        }
        while (reading.hasNext()) {
            reading.next();
        }
        map.free();
    }

    private static Object field(Object o, String name) throws ReflectiveOperationException {
        for (Class<?> c = o.getClass(); c != null; c = c.getSuperclass()) {
            for (Field f : c.getDeclaredFields()) {
                if (f.getName().equals(name)) {
                    f.setAccessible(true);
                    return f.get(o);
                }
            }
        }
        throw new NoSuchFieldException(name);
    }

    private static Object method(Object o, String name) throws ReflectiveOperationException {
        Method m = o.getClass().getDeclaredMethod(name);
        m.setAccessible(true);
        return m.invoke(o);
    }
}
