import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.ObjectReader;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.Arrays;
import java.util.Map;
import java.util.Properties;
import java.util.TreeMap;
import org.apache.kafka.clients.consumer.ConsumerConfig;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.producer.ProducerConfig;
import org.apache.kafka.common.serialization.Deserializer;
import org.apache.kafka.common.serialization.Serde;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.StreamsConfig;
import org.apache.kafka.streams.Topology;
import org.apache.kafka.streams.processor.TimestampExtractor;

/** What both Kafka Streams programs share: the job, the reports as they read them, and the settings. */
final class Job {
    /** How late a report may be: as late as Tocsin still judges it in the windows of its own time. */
    static final Duration GRACE = Duration.ofHours(12);

    static final String SOURCE = System.getenv("BENCH_SOURCE");
    static final String OUTPUT = System.getenv("BENCH_OUTPUT");

    /** The windows of a category (ms), and the numbers of reports in one that reach levels 1, 2 and so on. */
    record Counting(long window, long step, int[] thresholds) {
        int level(int reports) {
            int level = 0;
            while (level < thresholds.length && reports >= thresholds[level]) {
                level++;
            }
            return level;
        }
    }

    /** The fields of a report that are needed; the others are skipped. */
    record Report(Channel channel, String category, Instant occurredAt) {}

    record Channel(String ref) {}

    /** The countings by category, in alphabetical order. A category without one is not counted. */
    static Map<String, Counting> countings() {
        Map<String, Counting> found = new TreeMap<>();
        for (String line : System.getenv("BENCH_JOB").split("\n")) {
            String[] fields = line.split(" ");
            int[] thresholds = Arrays.stream(fields[3].split(",")).mapToInt(Integer::parseInt).toArray();
            long window = Long.parseLong(fields[1]);
            found.put(fields[0], new Counting(window, Long.parseLong(fields[2]), thresholds));
        }
        return found;
    }

    static Serde<Report> reports() {
        record Written(Channel channel, String category, String occurred_at) {}
        ObjectReader reader = new ObjectMapper()
                .configure(DeserializationFeature.FAIL_ON_UNKNOWN_PROPERTIES, false)
                .readerFor(Written.class);
        Deserializer<Report> read = (topic, bytes) -> {
            try {
                Written written = reader.readValue(bytes);
                return new Report(written.channel, written.category, Instant.parse(written.occurred_at));
            } catch (IOException error) {
                throw new IllegalArgumentException(error);
            }
        };
        // Nothing writes a report: no step changes the key, so none goes through another topic.
        return Serdes.serdeFrom(
                (topic, report) -> {
                    throw new UnsupportedOperationException();
                },
                read);
    }

    /** The time at which the message was reported; the records have the time at which they were appended. */
    public static final class EventTime implements TimestampExtractor {
        @Override
        public long extract(ConsumerRecord<Object, Object> found, long partitionTime) {
            return ((Report) found.value()).occurredAt().toEpochMilli();
        }
    }

    static String escalation(String channel, String category, int level, int reports) {
        return "{\"channel\":\"%s\",\"category\":\"%s\",\"level\":%d,\"reports\":%d}"
                .formatted(channel, category, level, reports);
    }

    static Properties properties() {
        Properties properties = new Properties();
        properties.put(StreamsConfig.APPLICATION_ID_CONFIG, System.getenv("BENCH_APPLICATION"));
        properties.put(StreamsConfig.BOOTSTRAP_SERVERS_CONFIG, System.getenv("BENCH_BOOTSTRAP"));
        properties.put(StreamsConfig.STATE_DIR_CONFIG, System.getenv("BENCH_STATE"));
        properties.put(StreamsConfig.PROCESSING_GUARANTEE_CONFIG, StreamsConfig.EXACTLY_ONCE_V2);
        properties.put(StreamsConfig.REPLICATION_FACTOR_CONFIG, 1);
        // One thread, as a worker has one.
        properties.put(StreamsConfig.NUM_STREAM_THREADS_CONFIG, 1);
        properties.put(StreamsConfig.TOPOLOGY_OPTIMIZATION_CONFIG, StreamsConfig.OPTIMIZE);
        // A report changes up to 24 windows. The default of 10 MB is for few of them, and each that leaves
        // the cache before a commit is a record more in the changelog.
        properties.put(StreamsConfig.STATESTORE_CACHE_MAX_BYTES_CONFIG, 64L << 20);
        properties.put(StreamsConfig.producerPrefix(ProducerConfig.COMPRESSION_TYPE_CONFIG), "lz4");
        properties.put(StreamsConfig.producerPrefix(ProducerConfig.BATCH_SIZE_CONFIG), 256 << 10);
        properties.put(
                StreamsConfig.consumerPrefix(ConsumerConfig.MAX_PARTITION_FETCH_BYTES_CONFIG), 4 << 20);
        properties.put(StreamsConfig.consumerPrefix(ConsumerConfig.MAX_POLL_RECORDS_CONFIG), 4000);
        return properties;
    }

    /** Run until the process is asked to end, and end in good order. */
    static void run(Topology topology) throws IOException {
        Files.createDirectories(Path.of(System.getenv("BENCH_STATE")));
        KafkaStreams streams = new KafkaStreams(topology, properties());
        streams.setUncaughtExceptionHandler(error -> {
            error.printStackTrace();
            Runtime.getRuntime().halt(1);
            return null;
        });
        Runtime.getRuntime().addShutdownHook(new Thread(() -> streams.close(Duration.ofSeconds(10))));
        streams.start();
    }

    private Job() {}
}
