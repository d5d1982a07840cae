package peers;

import java.util.Collection;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.config.ConfigDef;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import org.apache.kafka.connect.connector.Task;
import org.apache.kafka.connect.json.JsonConverter;
import org.apache.kafka.connect.sink.SinkConnector;
import org.apache.kafka.connect.sink.SinkRecord;
import org.apache.kafka.connect.sink.SinkTask;

/**
 * A sink that is a topic again: Kafka Connect ships none, and transforms run in connectors only.
 *
 * <p>Settings: {@code sink.brokers}, {@code sink.topic}, {@code sink.tasks}.
 */
public final class TopicSink extends SinkConnector {
    private Map<String, String> settings;

    @Override
    public void start(Map<String, String> given) {
        settings = given;
    }

    @Override
    public Class<? extends Task> taskClass() {
        return Writer.class;
    }

    @Override
    public List<Map<String, String>> taskConfigs(int most) {
        return Collections.nCopies(most, settings);
    }

    @Override
    public void stop() {}

    @Override
    public ConfigDef config() {
        return new ConfigDef();
    }

    @Override
    public String version() {
        return "1";
    }

    /** Writes records as JSON; offsets are committed once the broker has acknowledged them. */
    public static final class Writer extends SinkTask {
        private final JsonConverter json = new JsonConverter();
        private KafkaProducer<byte[], byte[]> producer;
        private String topic;

        @Override
        public void start(Map<String, String> settings) {
            json.configure(Map.of("schemas.enable", "false"), false);
            topic = settings.get("sink.topic");
            Map<String, Object> config =
                    Map.of(
                            "bootstrap.servers", settings.get("sink.brokers"),
                            "compression.type", "lz4",
                            "linger.ms", "50",
                            "batch.size", 256 * 1024);
            producer =
                    new KafkaProducer<>(config, new ByteArraySerializer(), new ByteArraySerializer());
        }

        @Override
        public void put(Collection<SinkRecord> records) {
            for (SinkRecord record : records) {
                byte[] value = json.fromConnectData(topic, record.valueSchema(), record.value());
                producer.send(new ProducerRecord<>(topic, (byte[]) record.key(), value));
            }
        }

        @Override
        public void flush(Map<TopicPartition, OffsetAndMetadata> offsets) {
            producer.flush();
        }

        @Override
        public void stop() {
            if (producer != null) {
                producer.close();
            }
        }

        @Override
        public String version() {
            return "1";
        }
    }
}
