import java.io.IOException;
import java.io.PrintStream;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import org.neo4j.configuration.Config;
import org.neo4j.configuration.GraphDatabaseInternalSettings;
import org.neo4j.configuration.GraphDatabaseSettings;
import org.neo4j.configuration.connectors.BoltConnector;
import org.neo4j.configuration.connectors.ConnectorPortRegister;
import org.neo4j.configuration.connectors.ConnectorType;
import org.neo4j.configuration.helpers.SocketAddress;
import org.neo4j.dbms.api.DatabaseManagementService;
import org.neo4j.dbms.api.DatabaseManagementServiceBuilder;
import org.neo4j.graphdb.config.Setting;
import org.neo4j.io.ByteUnit;
import org.neo4j.kernel.internal.GraphDatabaseAPI;

/**
 * One Neo4j of the real kernel, with Cypher and Bolt, for tests and development: on the loopback only, without
 * authentication and without usage reports.
 *
 * <pre>java -cp 'server.jar:lib/*' Neo4jServer DATA_DIR PORT [--until-stdin-closes] [--read-only]</pre>
 *
 * Port 0 takes a free one. When it is ready it prints {@code ready bolt://127.0.0.1:PORT} on stdout, and nothing else
 * there. It stops cleanly on SIGTERM and, if asked, when its stdin closes, which is what happens when its parent dies.
 */
public final class Neo4jServer {
    public static void main(String[] args) throws IOException {
        List<String> options = List.of(args).subList(Math.min(2, args.length), args.length);
        boolean untilStdinCloses = options.contains("--until-stdin-closes");
        boolean readOnly = options.contains("--read-only");
        if (args.length < 2 || options.size() != (untilStdinCloses ? 1 : 0) + (readOnly ? 1 : 0)) {
            System.err.println(
                    "usage: java -cp 'server.jar:lib/*' Neo4jServer DATA_DIR PORT [--until-stdin-closes] [--read-only]");
            System.exit(2);
        }
        PrintStream out = System.out;
        System.setOut(System.err);

        DatabaseManagementService service = open(Path.of(args[0]).toAbsolutePath(), Integer.parseInt(args[1]), readOnly);
        Runtime.getRuntime().addShutdownHook(new Thread(service::shutdown));
        out.println("ready bolt://127.0.0.1:" + boltPort(service));
        out.flush();

        if (untilStdinCloses) {
            while (System.in.read() != -1) {
                // What is written there means nothing; only its end does.
            }
            System.exit(0);
        }
    }

    private static DatabaseManagementService open(Path home, int port, boolean readOnly) {
        SocketAddress address = new SocketAddress("127.0.0.1", port);
        // A number of seconds in Neo4j 5, a duration since.
        Setting<?> quiet = GraphDatabaseInternalSettings.netty_server_shutdown_quiet_period;
        boolean lasts = Config.defaults().get(quiet) instanceof Duration;
        return new DatabaseManagementServiceBuilder(home)
                .setConfig(GraphDatabaseSettings.auth_enabled, false)
                .setConfig(GraphDatabaseSettings.udc_enabled, false)
                .setConfig(GraphDatabaseSettings.read_only_database_default, readOnly)
                .setConfig(GraphDatabaseSettings.pagecache_memory, ByteUnit.mebiBytes(512))
                .setConfig(GraphDatabaseSettings.preallocate_logical_logs, false)
                .setConfig(Map.of(quiet, (Object) (lasts ? Duration.ZERO : 0)))
                .setConfig(BoltConnector.enabled, true)
                .setConfig(BoltConnector.server_bolt_telemetry_enabled, false)
                .setConfig(BoltConnector.listen_address, address)
                .setConfig(BoltConnector.advertised_address, address)
                .build();
    }

    private static int boltPort(DatabaseManagementService service) {
        GraphDatabaseAPI database = (GraphDatabaseAPI) service.database(GraphDatabaseSettings.DEFAULT_DATABASE_NAME);
        return database.getDependencyResolver()
                .resolveDependency(ConnectorPortRegister.class)
                .getLocalAddress(ConnectorType.BOLT)
                .getPort();
    }
}
