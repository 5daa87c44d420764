import java.util.Scanner;

public class Sum {
  public static void main(String[] args) {
    long sum = 0;
    Scanner scanner = new Scanner(System.in);
    while (scanner.hasNextLong()) sum += scanner.nextLong();
    System.out.println(Long.parseLong(args[0]) * sum);
  }
}
