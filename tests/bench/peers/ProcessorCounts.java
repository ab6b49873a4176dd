import java.nio.ByteBuffer;
import java.util.Map;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.streams.AutoOffsetReset;
import org.apache.kafka.streams.Topology;
import org.apache.kafka.streams.processor.api.Processor;
import org.apache.kafka.streams.processor.api.ProcessorContext;
import org.apache.kafka.streams.processor.api.Record;
import org.apache.kafka.streams.state.KeyValueStore;
import org.apache.kafka.streams.state.Stores;

/**
 * Kafka Streams with its Processor API: a count for each step of time (a pane), from which the counts of all
 * windows follow, in memory and in a changelog.
 */
public final class ProcessorCounts {
    private static final String PANES = "panes";

    public static void main(String[] arguments) throws Exception {
        Topology topology = new Topology();
        topology.addSource(
                AutoOffsetReset.earliest(),
                "reports",
                new Job.EventTime(),
                Serdes.String().deserializer(),
                Job.reports().deserializer(),
                Job.SOURCE);
        topology.addProcessor("count", Count::new, "reports");
        // Without the cache each report is a record in the changelog; with it a commit writes a key once.
        var panes = Stores.keyValueStoreBuilder(
                Stores.inMemoryKeyValueStore(PANES), Serdes.String(), Serdes.ByteArray());
        topology.addStateStore(panes.withCachingEnabled(), "count");
        topology.addSink(
                "escalations",
                Job.OUTPUT,
                Serdes.String().serializer(),
                Serdes.String().serializer(),
                "count");
        Job.run(topology);
    }

    /** The state of a channel and category: its level, then start and count of each pane, oldest first. */
    private static final class Count implements Processor<String, Job.Report, String, String> {
        private static final int LEVEL_BYTES = 4;
        private static final int PANE_BYTES = 12;

        private final Map<String, Job.Counting> countings = Job.countings();
        private ProcessorContext<String, String> context;
        private KeyValueStore<String, byte[]> store;

        @Override
        public void init(ProcessorContext<String, String> given) {
            context = given;
            store = given.getStateStore(PANES);
        }

        @Override
        public void process(Record<String, Job.Report> found) {
            Job.Report report = found.value();
            Job.Counting counting = countings.get(report.category());
            if (counting == null) {
                return;
            }
            String key = found.key() + " " + report.category();
            byte[] before = store.get(key);
            long pane = found.timestamp() / counting.step() * counting.step();
            byte[] after = added(before == null ? new byte[LEVEL_BYTES] : before, pane, counting);
            ByteBuffer state = ByteBuffer.wrap(after);
            int reports = most(state, pane, counting);
            int level = counting.level(reports);
            if (level > state.getInt(0)) {
                state.putInt(0, level);
                String escalation = Job.escalation(found.key(), report.category(), level, reports);
                context.forward(found.withValue(escalation));
            }
            store.put(key, after);
        }

        /** The state with one report more in a pane, and without panes that no report can need any more. */
        private static byte[] added(byte[] before, long pane, Job.Counting counting) {
            ByteBuffer state = ByteBuffer.wrap(before);
            int from = LEVEL_BYTES;
            long oldest = pane - counting.window() - Job.GRACE.toMillis();
            while (from < before.length && state.getLong(from) < oldest) {
                from += PANE_BYTES;
            }
            // Most reports are in the newest pane, so the search begins there.
            int place = before.length;
            while (place > from && state.getLong(place - PANE_BYTES) > pane) {
                place -= PANE_BYTES;
            }
            boolean exists = place > from && state.getLong(place - PANE_BYTES) == pane;
            int dropped = from - LEVEL_BYTES;
            byte[] after = new byte[before.length - dropped + (exists ? 0 : PANE_BYTES)];
            System.arraycopy(before, 0, after, 0, LEVEL_BYTES);
            System.arraycopy(before, from, after, LEVEL_BYTES, place - from);
            int later = before.length - place;
            System.arraycopy(before, place, after, after.length - later, later);
            ByteBuffer result = ByteBuffer.wrap(after);
            int at = place - dropped - (exists ? PANE_BYTES : 0);
            result.putLong(at, pane);
            result.putInt(at + 8, (exists ? result.getInt(at + 8) : 0) + 1);
            return after;
        }

        /** The largest count of the windows that hold a pane. */
        private static int most(ByteBuffer state, long pane, Job.Counting counting) {
            long newest = state.getLong(state.limit() - PANE_BYTES);
            int most = 0;
            long end = Math.min(newest + 1, pane + counting.window());
            for (long last = pane; last < end; last += counting.step()) {
                int sum = 0;
                for (int at = state.limit() - PANE_BYTES; at >= LEVEL_BYTES; at -= PANE_BYTES) {
                    long start = state.getLong(at);
                    if (start <= last - counting.window()) {
                        break;
                    }
                    sum += start <= last ? state.getInt(at + 8) : 0;
                }
                most = Math.max(most, sum);
            }
            return most;
        }
    }

    private ProcessorCounts() {}
}
