package peers;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.fasterxml.jackson.databind.node.TextNode;
import java.io.File;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.time.Duration;
import java.util.Map;
import java.util.Properties;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.StreamSupport;
import org.apache.kafka.clients.producer.ProducerConfig;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.StreamsConfig;

/**
 * The peer: a Kafka Streams application that masks every string of an event by regular expressions.
 *
 * <p>Arguments: BROKERS TOPIC OUT GROUP THREADS PATTERNS, the last a JSON file.
 */
public final class MaskingStreams {
    private static final ObjectMapper JSON = new ObjectMapper();
    private static final String MASKED = "***";

    private final Pattern pattern;

    private MaskingStreams(Pattern pattern) {
        this.pattern = pattern;
    }

    public static void main(String[] arguments) throws IOException {
        JsonNode patterns = JSON.readTree(new File(arguments[5]));
        String joined = StreamSupport.stream(patterns.spliterator(), false)
                .map(JsonNode::asText)
                .collect(Collectors.joining("|"));
        MaskingStreams peer = new MaskingStreams(Pattern.compile(joined));

        StreamsBuilder builder = new StreamsBuilder();
        builder.<byte[], byte[]>stream(arguments[1]).mapValues(peer::masked).to(arguments[2]);
        KafkaStreams streams = new KafkaStreams(builder.build(), config(arguments));
        Runtime.getRuntime().addShutdownHook(new Thread(() -> streams.close(Duration.ofSeconds(10))));
        streams.start();
    }

    private static Properties config(String[] arguments) throws IOException {
        Properties config = new Properties();
        config.put(StreamsConfig.BOOTSTRAP_SERVERS_CONFIG, arguments[0]);
        config.put(StreamsConfig.APPLICATION_ID_CONFIG, arguments[3]);
        config.put(StreamsConfig.NUM_STREAM_THREADS_CONFIG, arguments[4]);
        config.put(StreamsConfig.STATE_DIR_CONFIG, Files.createTempDirectory("state").toString());
        config.put(StreamsConfig.DEFAULT_KEY_SERDE_CLASS_CONFIG, Serdes.ByteArraySerde.class);
        config.put(StreamsConfig.DEFAULT_VALUE_SERDE_CLASS_CONFIG, Serdes.ByteArraySerde.class);
        // Streams' own default waits 100 ms for a batch to fill; larger batches let it.
        config.put(StreamsConfig.producerPrefix(ProducerConfig.BATCH_SIZE_CONFIG), 256 * 1024);
        config.put(StreamsConfig.producerPrefix(ProducerConfig.COMPRESSION_TYPE_CONFIG), "lz4");
        return config;
    }

    private byte[] masked(byte[] value) {
        try {
            return JSON.writeValueAsBytes(masked(JSON.readTree(value)));
        } catch (IOException error) {
            throw new UncheckedIOException(error);
        }
    }

    private JsonNode masked(JsonNode node) {
        if (node instanceof TextNode) {
            Matcher found = pattern.matcher(node.textValue());
            return found.find() ? TextNode.valueOf(found.replaceAll(MASKED)) : node;
        }
        if (node instanceof ObjectNode object) {
            for (Map.Entry<String, JsonNode> field : object.properties()) {
                field.setValue(masked(field.getValue()));
            }
        } else if (node instanceof ArrayNode array) {
            for (int place = 0; place < array.size(); place++) {
                array.set(place, masked(array.get(place)));
            }
        }
        return node;
    }
}
