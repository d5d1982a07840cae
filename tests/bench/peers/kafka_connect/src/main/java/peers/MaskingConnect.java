package peers;

import java.io.IOException;
import java.io.Writer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Properties;
import org.apache.kafka.connect.cli.ConnectStandalone;

/**
 * The peer: Kafka Connect's own runtime, standalone, masking fields by their names.
 *
 * <p>MaskField knows the fields of the top level only, so Flatten comes before it, as its
 * documentation advises. Lists are left as they are: no transform of Kafka Connect looks into them.
 *
 * <p>Arguments: BROKERS TOPIC OUT GROUP THREADS, and one that is not looked at.
 */
public final class MaskingConnect {
    private static final String FIELDS =
            String.join(
                    ",",
                    "context.ip",
                    "context.traits.email",
                    "context.traits.phone",
                    "context.traits.firstName",
                    "context.traits.lastName",
                    "traits.email",
                    "traits.phone",
                    "traits.name",
                    "traits.firstName",
                    "traits.lastName",
                    "traits.birthday",
                    "traits.address.street",
                    "properties.email",
                    "properties.phone",
                    "properties.firstName",
                    "properties.lastName",
                    "properties.dateOfBirth",
                    "properties.client_ip",
                    "properties.shipping.first_name",
                    "properties.shipping.last_name",
                    "properties.shipping.street",
                    "properties.shipping.phone",
                    "properties.payment.card_number",
                    "properties.iban",
                    "properties.taxpayer.ssn");

    private MaskingConnect() {}

    public static void main(String[] arguments) throws IOException {
        Path folder = Files.createTempDirectory("connect");
        Map<String, String> worker = new LinkedHashMap<>();
        worker.put("bootstrap.servers", arguments[0]);
        worker.put("listeners", "http://127.0.0.1:0");
        worker.put("offset.storage.file.filename", folder.resolve("offsets").toString());
        worker.put("plugin.discovery", "service_load");
        worker.put("key.converter", "org.apache.kafka.connect.converters.ByteArrayConverter");
        worker.put("value.converter", "org.apache.kafka.connect.json.JsonConverter");
        worker.put("value.converter.schemas.enable", "false");
        worker.put("consumer.auto.offset.reset", "earliest");
        worker.put("offset.flush.interval.ms", "1000");

        String masking = "org.apache.kafka.connect.transforms.";
        Map<String, String> connector = new LinkedHashMap<>();
        connector.put("name", arguments[3]);
        connector.put("connector.class", TopicSink.class.getName());
        connector.put("topics", arguments[1]);
        connector.put("tasks.max", arguments[4]);
        connector.put("sink.brokers", arguments[0]);
        connector.put("sink.topic", arguments[2]);
        connector.put("transforms", "flatten,mask");
        connector.put("transforms.flatten.type", masking + "Flatten$Value");
        connector.put("transforms.mask.type", masking + "MaskField$Value");
        connector.put("transforms.mask.fields", FIELDS);

        ConnectStandalone.main(
                new String[] {
                    written(folder.resolve("worker.properties"), worker),
                    written(folder.resolve("connector.properties"), connector),
                });
    }

    private static String written(Path file, Map<String, String> settings) throws IOException {
        Properties properties = new Properties();
        properties.putAll(settings);
        try (Writer writer = Files.newBufferedWriter(file)) {
            properties.store(writer, null);
        }
        return file.toString();
    }
}
