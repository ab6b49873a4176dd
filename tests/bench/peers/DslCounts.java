import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.apache.kafka.common.serialization.Serde;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.common.utils.Bytes;
import org.apache.kafka.streams.KeyValue;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.kstream.Consumed;
import org.apache.kafka.streams.kstream.KStream;
import org.apache.kafka.streams.kstream.Materialized;
import org.apache.kafka.streams.kstream.Produced;
import org.apache.kafka.streams.kstream.TimeWindows;
import org.apache.kafka.streams.kstream.Windowed;
import org.apache.kafka.streams.processor.api.FixedKeyProcessor;
import org.apache.kafka.streams.processor.api.FixedKeyProcessorContext;
import org.apache.kafka.streams.processor.api.FixedKeyRecord;
import org.apache.kafka.streams.state.KeyValueStore;
import org.apache.kafka.streams.state.Stores;
import org.apache.kafka.streams.state.WindowStore;

/** Kafka Streams with its DSL: an aggregate over hopping windows for each length of window, in RocksDB. */
public final class DslCounts {
    private static final String LEVELS = "levels";

    /** A level that the reports of a category have reached in one window. */
    record Reached(String category, int level, int reports) {}

    public static void main(String[] arguments) throws Exception {
        Map<Long, List<String>> byWindow = new TreeMap<>();
        Map<String, Job.Counting> countings = Job.countings();
        countings.forEach((category, counting) ->
                byWindow.computeIfAbsent(counting.window(), window -> new ArrayList<>()).add(category));

        StreamsBuilder builder = new StreamsBuilder();
        builder.addStateStore(Stores.keyValueStoreBuilder(
                Stores.persistentKeyValueStore(LEVELS), Serdes.String(), Serdes.Integer()));
        KStream<String, Job.Report> reports = builder.stream(
                Job.SOURCE,
                Consumed.with(Serdes.String(), Job.reports()).withTimestampExtractor(new Job.EventTime()));
        KStream<Windowed<String>, Reached> reached = null;
        for (List<String> categories : byWindow.values()) {
            KStream<Windowed<String>, Reached> more = counted(reports, categories, countings);
            reached = reached == null ? more : reached.merge(more);
        }
        reached.processValues(Raised::new, LEVELS)
                .map((window, escalation) -> KeyValue.pair(window.key(), escalation))
                .to(Job.OUTPUT, Produced.with(Serdes.String(), Serdes.String()));
        Job.run(builder.build(Job.properties()));
    }

    /**
     * Count the categories of one length of window. The key stays the channel, by which the reports are
     * partitioned: a key of channel and category would send each report through one more topic.
     */
    private static KStream<Windowed<String>, Reached> counted(
            KStream<String, Job.Report> reports,
            List<String> categories,
            Map<String, Job.Counting> countings) {
        Job.Counting first = countings.get(categories.get(0));
        Duration window = Duration.ofMillis(first.window());
        TimeWindows windows = TimeWindows.ofSizeAndGrace(window, Job.GRACE)
                .advanceBy(Duration.ofMillis(first.step()));
        return reports.filter((channel, report) -> categories.contains(report.category()))
                .groupByKey()
                .windowedBy(windows)
                .aggregate(
                        () -> new int[categories.size()],
                        (channel, report, before) -> {
                            int[] counts = before.clone();
                            counts[categories.indexOf(report.category())]++;
                            return counts;
                        },
                        Materialized.<String, int[], WindowStore<Bytes, byte[]>>as("counts-" + first.window())
                                .withKeySerde(Serdes.String())
                                .withValueSerde(counts()))
                .toStream()
                .flatMapValues(counts -> {
                    List<Reached> found = new ArrayList<>();
                    for (int place = 0; place < counts.length; place++) {
                        String category = categories.get(place);
                        int level = countings.get(category).level(counts[place]);
                        if (level > 0) {
                            found.add(new Reached(category, level, counts[place]));
                        }
                    }
                    return found;
                });
    }

    private static Serde<int[]> counts() {
        return Serdes.serdeFrom(
                (topic, counts) -> {
                    ByteBuffer buffer = ByteBuffer.allocate(4 * counts.length);
                    buffer.asIntBuffer().put(counts);
                    return buffer.array();
                },
                (topic, bytes) -> {
                    int[] counts = new int[bytes.length / 4];
                    ByteBuffer.wrap(bytes).asIntBuffer().get(counts);
                    return counts;
                });
    }

    /** Passes on the first window in which a channel and category reach a level, of the many that do. */
    private static final class Raised implements FixedKeyProcessor<Windowed<String>, Reached, String> {
        private FixedKeyProcessorContext<Windowed<String>, String> context;
        private KeyValueStore<String, Integer> levels;

        @Override
        public void init(FixedKeyProcessorContext<Windowed<String>, String> given) {
            context = given;
            levels = given.getStateStore(LEVELS);
        }

        @Override
        public void process(FixedKeyRecord<Windowed<String>, Reached> found) {
            Reached reached = found.value();
            String channel = found.key().key();
            String key = channel + " " + reached.category;
            Integer before = levels.get(key);
            if (before == null || reached.level > before) {
                levels.put(key, reached.level);
                context.forward(found.withValue(
                        Job.escalation(channel, reached.category, reached.level, reached.reports)));
            }
        }
    }

    private DslCounts() {}
}
